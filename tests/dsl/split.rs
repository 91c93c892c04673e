use streams_dsl::Branched;

use crate::support::{run, run_resuming, topology};

#[test]
fn a_record_goes_to_the_first_branch_that_accepts_it() {
    let run = run(|builder| {
        let stream = builder.stream::<String, i64>("in");
        let (big, even, rest) = stream
            .split()
            .branch(|_, value| *value > 100)
            .branch(|_, value| value % 2 == 0)
            .default_branch();
        big.to("big");
        even.to("even");
        rest.to("rest");
    });
    run.put("a", 200, 1).put("b", 2, 2).put("c", 3, 3).put("d", 101, 4);
    assert_eq!(run.out_of::<String, i64>("big"), "a=200@1 d=101@4");
    assert_eq!(run.out_of::<String, i64>("even"), "b=2@2");
    assert_eq!(run.out_of::<String, i64>("rest"), "c=3@3");
}

#[test]
fn without_a_default_other_records_are_dropped_uncounted() {
    let run = run(|builder| {
        let stream = builder.stream::<Option<String>, Option<i64>>("in");
        let (nulls,) = stream.split().branch(|_, value| value.is_none()).no_default_branch();
        nulls.to("out");
    });
    run.put("a", 1, 1).put("b", None, 2).put(None, None, 3);
    assert_eq!(run.out::<String, i64>(), "b=null@2 null=null@3");
    assert_eq!(run.dropped(), 0);
}

#[test]
fn many_branches_are_found_by_their_names() {
    let run = run(|builder| {
        let stream = builder.stream::<String, i64>("in");
        let mut split = stream.split_many_with("by-");
        for number in 0..3 {
            let name = Branched::named(&format!("number-{number}"));
            split = split.branch_with(move |_, value| *value == number, name);
        }
        let branches = split.default_branch();
        branches.get("by-number-1").unwrap().to("one");
        branches.get("by-0").unwrap().to("rest");
        assert!(branches.get("by-3").is_none());
        assert_eq!(branches.into_vec().len(), 4);
    });
    run.put("a", 1, 1).put("b", 2, 2).put("c", 3, 3);
    assert_eq!(run.out_of::<String, i64>("one"), "a=1@1");
    assert_eq!(run.out_of::<String, i64>("rest"), "c=3@3");
}

#[test]
fn branches_are_numbered_and_each_draws_a_number() {
    let text = topology(|builder| {
        let stream = builder.stream::<String, i64>("in");
        let (_, _, _) = stream
            .split_with("split-")
            .branch(|_, _| true)
            .branch_with(|_, _| true, Branched::named("named"))
            .default_branch();
        stream.filter(|_, _| true);
    })
    .describe()
    .to_string();
    for name in ["split-1", "split-named", "split-0", "KSTREAM-FILTER-0000000005"] {
        assert!(text.contains(name), "{text}");
    }
}

#[test]
fn a_predicate_that_fails_drops_its_record_if_the_handler_goes_on() {
    let run = run_resuming(|builder| {
        let stream = builder.stream::<String, i64>("in");
        let fails = |_: &String, value: &i64| if *value < 0 { Err("negative") } else { Ok(true) };
        let (branch,) =
            stream.split().try_branch_with(fails, Branched::numbered()).no_default_branch();
        branch.to("out");
    });
    run.put("a", -1, 1).put("a", 1, 2);
    assert_eq!(run.out::<String, i64>(), "a=1@2");
    assert_eq!(run.dropped(), 1);
}
