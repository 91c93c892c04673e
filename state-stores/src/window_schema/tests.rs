use super::*;

#[test]
fn segments_are_javas() {
    let schema = WindowSchema::new(true, 1, false);
    assert_eq!(schema.layout, Layout::BySegment { interval_ms: 60_000 });
    assert_eq!([0, 59_999, 60_000, 120_001].map(|start| schema.leading(start)), [0, 0, 1, 2]);
    let day = WindowSchema::new(true, 86_400_000, false);
    assert_eq!(day.layout, Layout::BySegment { interval_ms: 43_200_000 });
}
