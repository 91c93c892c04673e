//! Instances with one application id share the tasks.

use crate::desk::Desk;

const LINES: usize = 250_000;

#[test]
fn two_instances_share_the_work_and_each_may_stop_and_come_again() {
    let desk = Desk::new("shared", LINES);
    let (mut one, two) = (desk.start("one"), desk.start("two"));
    one.until(20);
    let stopped = one.stop();
    assert!(stopped.counts.is_none(), "it was stopped in the middle");
    let (again, two) = (desk.start("one"), two.end());
    let again = again.end();
    for told in [&again, &two] {
        assert_eq!(told.counts, Some(desk.expected()));
    }
    assert_eq!(stopped.loaded + again.loaded + two.loaded, LINES as u64);
    let (one, two) = (stopped.processed + again.processed, two.processed);
    assert_eq!(one + two, desk.records());
    assert!(one.min(two) * 5 > desk.records(), "one processed {one} records, the other {two}");
}

#[test]
fn the_other_instance_takes_over_from_one_that_was_killed() {
    let desk = Desk::new("taken-over", LINES);
    let (mut one, mut two) = (desk.start("one"), desk.start("two"));
    one.until(20);
    two.until(20);
    one.kill();
    let two = two.end();
    let counts = two.counts.unwrap();
    for (word, count) in desk.expected() {
        assert!(counts[&word] >= count, "{word}: {} of {count}", counts[&word]);
    }
}
