//! Instances with one application id share the tasks.

use crate::desk::Desk;

const LINES: usize = 80_000;

#[test]
fn two_instances_share_the_work() {
    let desk = Desk::new("shared", LINES);
    let held = desk.hold();
    let (one, two) = (desk.start("one"), desk.start("two"));
    desk.until_shared_by(2);
    drop(held);
    let (one, two) = (one.end(), two.end());
    for told in [&one, &two] {
        assert_eq!(told.counts, Some(desk.expected()));
    }
    assert_eq!(one.loaded + two.loaded, LINES as u64);
    let (one, two) = (one.processed, two.processed);
    assert_eq!(one + two, desk.records());
    assert!(one.min(two) * 5 > desk.records(), "one processed {one} records, the other {two}");
}

#[test]
fn an_instance_may_stop_and_come_again_while_another_works() {
    let desk = Desk::new("moved", LINES);
    let (mut one, two) = (desk.start("one"), desk.start("two"));
    one.until(10);
    let stopped = one.stop();
    assert!(stopped.counts.is_none(), "it was stopped in the middle");
    let again = desk.start("one");
    let runs = [stopped, again.end(), two.end()];
    for told in &runs[1..] {
        assert_eq!(told.counts, Some(desk.expected()));
    }
    assert_eq!(runs.iter().map(|told| told.loaded).sum::<u64>(), LINES as u64);
    assert_eq!(runs.iter().map(|told| told.processed).sum::<u64>(), desk.records());
}

#[test]
fn the_other_instance_takes_over_from_one_that_was_killed() {
    let desk = Desk::new("taken-over", LINES);
    let (mut one, mut two) = (desk.start("one"), desk.start("two"));
    one.until(10);
    two.until(10);
    one.kill();
    let two = two.end();
    let counts = two.counts.unwrap();
    for (word, count) in desk.expected() {
        assert!(counts[&word] >= count, "{word}: {} of {count}", counts[&word]);
    }
}
