//! Whole runs on the embedded log: loaded, run, verified.

use std::sync::Arc;

use broker_embedded::EmbeddedBroker;
use serde_json::Value;
use streams_dsl::Broker;

use crate::{load, options::Options, restore, run, topics, verify, workload};

fn broker() -> Arc<dyn Broker> {
    Arc::new(EmbeddedBroker::in_memory())
}

fn options(line: &str) -> Options {
    let folder = std::env::temp_dir().join(format!("streams-bench-test-{}", std::process::id()));
    let mut options =
        Options::parse(format!("--bootstrap none:1 {line}").split_whitespace().map(str::to_owned))
            .unwrap();
    options.state_dir = folder.join(options.workload.name);
    options
}

/// Loads, runs and verifies; the line of the run.
async fn measured(broker: &Arc<dyn Broker>, options: &Options) -> Value {
    load::load(&**broker, options).await.unwrap();
    let line = run::run(broker, options).await.unwrap();
    let (ok, told) = verify::verify(&**broker, options).unwrap();
    assert!(ok, "{told}");
    line
}

#[tokio::test]
async fn each_workload_is_loaded_run_and_verified() {
    for workload in workload::ALL {
        let broker = broker();
        let options = options(&format!("--workload {} --records 5000", workload.name));
        let line = measured(&broker, &options).await;
        let volume = (workload.volume)(5_000);
        assert_eq!(line["records"], volume.input, "{line}");
        assert_eq!(line["processed"], volume.processed, "{line}");
        let names = broker.admin().list_topics().unwrap();
        assert!(names.iter().all(|name| !name.starts_with("bench-")), "left: {names:?}");
        assert!(broker.group_admin().list_groups().unwrap().is_empty());
        assert!(!options.state_dir.join(options.application_id()).exists());
    }
}

#[tokio::test]
async fn a_named_application_goes_on_where_it_stopped() {
    let broker = broker();
    let line = "--workload wordcount --app-id counting --topic-prefix p- --compression lz4 \
                --commit-ms 100 --records";
    measured(&broker, &options(&format!("{line} 200"))).await;
    // As many records again: those of 400 are those of 200 and others.
    let all = options(&format!("{line} 400"));
    let producer = streams_dsl::client::RecordProducer::new(&*broker, Default::default()).unwrap();
    let mut made = 0;
    (all.workload.generate)(400, &mut |input| {
        made += 1;
        let topic = all.topic(input.topic);
        let record = streams_dsl::client::ProducerRecord::new(&topic)
            .partition(input.partition.unwrap_or_default())
            .value(input.value);
        if made > 200 {
            producer.send(record)?;
        }
        Ok(())
    })
    .unwrap();
    producer.flush().await.unwrap();
    let line = run::run(&broker, &all).await.unwrap();
    assert_eq!(line["processed"], 1_200, "{line}");
    let (ok, told) = verify::verify(&*broker, &all).unwrap();
    assert!(ok, "{told}");
    topics::forget(&*broker, "counting").await.unwrap();
    assert_eq!(broker.admin().list_topics().unwrap().len(), 2, "input and output stay");
    std::fs::remove_dir_all(&all.state_dir).unwrap();
}

#[tokio::test]
async fn state_is_restored_from_its_changelog() {
    let broker = broker();
    let options = options("--workload kvtable --app-id rows --records 3000");
    measured(&broker, &options).await;
    let line = restore::restore_anew(&broker, &options).await.unwrap();
    assert_eq!(line["restored_records"], 3_000, "{line}");
    std::fs::remove_dir_all(&options.state_dir).unwrap();
}

#[tokio::test]
async fn an_input_is_loaded_once_unless_forced() {
    let broker = broker();
    let options = options("--workload passthrough --records 100");
    assert_eq!(load::load(&*broker, &options).await.unwrap()["loaded"], 100);
    assert_eq!(load::load(&*broker, &options).await.unwrap()["already"], true);
    let mut forced = options.clone();
    forced.force = true;
    assert!(load::load(&*broker, &forced).await.unwrap()["already"].is_null());
    let found = topics::records_in(&*broker, &options, options.workload.inputs).unwrap();
    assert_eq!(found, Some(100));
}

#[tokio::test]
async fn a_missing_input_and_a_wrong_output_are_told() {
    let broker = broker();
    let options = options("--workload passthrough --records 100");
    let told = run::run(&broker, &options).await.unwrap_err().to_string();
    assert!(told.starts_with("pt-in: not all of these topics exist"), "{told}");
    load::load(&*broker, &options).await.unwrap();
    topics::create_missing(&*broker, &options, &[options.workload.output]).unwrap();
    let (ok, told) = verify::verify(&*broker, &options).unwrap();
    assert!(!ok && told["actual_count"] == 0 && told["expected_count"] != 0, "{told}");
}
