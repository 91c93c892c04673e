//! What surrounds the log lines of user code.

use std::{
    fmt::Debug,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use streams_core::{Context, Outcome, Processor, Record, TopologyBuilder};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record as Values},
    subscriber::with_default,
};

use crate::TopologyTestDriver;

/// Notes each event with the spans around it.
struct Notes {
    level: Level,
    next: AtomicU64,
    names: Mutex<Vec<(Id, String)>>,
    entered: Mutex<Vec<Id>>,
    seen: Arc<Mutex<Vec<String>>>,
}

/// The fields of a span or event.
#[derive(Default)]
struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0 += &format!(" {field}={value:?}");
    }
}

impl Subscriber for Notes {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.level
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let id = Id::from_u64(self.next.fetch_add(1, Ordering::Relaxed));
        let mut fields = Fields::default();
        span.record(&mut fields);
        let name = format!("{}{}", span.metadata().name(), fields.0);
        self.names.lock().unwrap().push((id.clone(), name));
        id
    }

    fn record(&self, _: &Id, _: &Values<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let names = self.names.lock().unwrap();
        let entered = self.entered.lock().unwrap();
        let spans = entered.iter().filter_map(|id| {
            names.iter().find(|(known, _)| known == id).map(|(_, name)| name.as_str())
        });
        let spans: Vec<&str> = spans.collect();
        self.seen.lock().unwrap().push(format!("{}:{}", spans.join(" > "), fields.0));
    }

    fn enter(&self, span: &Id) {
        self.entered.lock().unwrap().push(span.clone());
    }

    fn exit(&self, _: &Id) {
        self.entered.lock().unwrap().pop();
    }
}

/// Logs what it is asked to do.
struct Logging;

impl Processor<String, i64> for Logging {
    fn init(
        &mut self,
        _: &mut Context<'_, streams_core::Nothing, streams_core::Nothing>,
    ) -> Outcome {
        tracing::info!("init");
        Ok(())
    }

    fn process(
        &mut self,
        _: Record<String, i64>,
        _: &mut Context<'_, streams_core::Nothing, streams_core::Nothing>,
    ) -> Outcome {
        tracing::info!("record");
        Ok(())
    }
}

/// What a run with this level notes of the processor's own log lines.
fn noted(level: Level) -> Vec<String> {
    let seen = Arc::<Mutex<Vec<String>>>::default();
    let notes = Notes {
        level,
        next: AtomicU64::new(1),
        names: Mutex::default(),
        entered: Mutex::default(),
        seen: Arc::clone(&seen),
    };
    with_default(notes, || {
        let mut builder = TopologyBuilder::new();
        builder.add_source::<String, i64>("numbers", &["in"]).add_processor(
            "log",
            || Logging,
            &["numbers"],
        );
        let driver = TopologyTestDriver::new(&builder.build().unwrap()).unwrap();
        driver.input::<String, i64>("in").pipe("k", 1, 0).unwrap();
    });
    let seen = seen.lock().unwrap();
    seen.iter().filter(|line| line.contains("message=")).cloned().collect()
}

#[test]
fn log_lines_of_a_processor_name_its_node() {
    let traced = noted(Level::TRACE);
    let init = "node name=\"log\": message=init".to_owned();
    assert_eq!(traced, [init.clone(), "node name=\"log\": message=record".into()]);
    // A span for each record would cost more than the record.
    assert_eq!(noted(Level::INFO), [init, ": message=record".into()]);
}
