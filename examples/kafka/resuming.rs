//! One instance goes on where it stopped, whatever its end was.

use crate::desk::Desk;

const LINES: usize = 80_000;

#[test]
fn after_a_clean_stop_in_the_middle_every_count_is_exact() {
    let desk = Desk::new("stopped", LINES);
    let mut first = desk.start("one");
    first.until(10);
    let first = first.stop();
    assert!(first.counts.is_none(), "it was stopped in the middle");
    let second = desk.run("one");
    assert_eq!(second.counts, Some(desk.expected()));
    assert_eq!(first.loaded + second.loaded, LINES as u64);
    assert_eq!(first.processed + second.processed, desk.records());

    let third = desk.run("one");
    assert_eq!((third.loaded, third.processed, third.restored), (0, 0, 0));
    assert_eq!(third.counts, Some(desk.expected()));
}

#[test]
fn a_kill_in_the_middle_loses_no_count() {
    let desk = Desk::new("killed", LINES);
    let mut first = desk.start("one");
    first.until(10);
    first.kill();
    let second = desk.run("one");
    assert!(second.processed > 0);
    let counts = second.counts.unwrap();
    for (word, count) in desk.expected() {
        assert!(counts[&word] >= count, "{word}: {} of {count}", counts[&word]);
    }
}

#[test]
fn state_that_is_not_there_is_restored_from_the_changelog() {
    let desk = Desk::new("restored", 1_000);
    let first = desk.run("one");
    assert_eq!(first.restored, 0);
    let words = desk.expected().len() as u64;
    // An instance whose first thread has given tasks up ends, with nothing left to process, perhaps
    // before its second has got them: it restores what it has. Another has them all.
    let restored_all = (1..=20).any(|n| {
        let again = desk.run(&format!("another-{n}"));
        assert_eq!(again.counts, Some(desk.expected()));
        assert_eq!(again.processed, 0);
        again.restored >= words
    });
    assert!(restored_all, "no instance restored the counts of all {words} words");
}
