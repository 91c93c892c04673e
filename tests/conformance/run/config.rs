//! What a scenario configures the application with.

use super::Stores;
use crate::{
    flow::Extractor,
    refusal::Refusal,
    scenario::{Scenario, plain},
};
use std::sync::Arc;
use streams_core::{
    Handlers, LogAndContinue, LogAndFail,
    stores::{RocksBackend, RocksMemory, Timestamp},
};
use streams_test::DriverOptions;
use streams_tests::Scratch;

/// The application id of every scenario.
pub const APPLICATION_ID: &str = "oracle";

/// Memory of a scenario's databases: more than any scenario fills.
const DATABASE_BYTES: usize = 8 << 20;

/// The configuration of a scenario, understood.
#[derive(Clone, Debug)]
pub struct Config {
    /// Whether DSL operators keep their state in memory unless told otherwise.
    pub in_memory: bool,
    /// The extractor of sources that name none.
    pub extractor: Extractor,
    /// Whether repartition topics are merged.
    pub merge_repartition_topics: bool,
    /// Whether source topics serve as changelogs of tables.
    pub reuse_source_topics: bool,
    /// How much longer than their stores changelogs of windows keep records, in milliseconds.
    pub additional_retention: i64,
    wall_clock: i64,
    cache: usize,
    max_task_idle: i64,
    handlers: Handlers,
    backend: Stores,
}

impl Config {
    /// Reads the configuration of a scenario.
    pub fn parse(scenario: &Scenario, stores: Stores) -> Result<Self, Refusal> {
        let mut config = Self {
            in_memory: false,
            extractor: Extractor::Record,
            merge_repartition_topics: false,
            reuse_source_topics: false,
            additional_retention: 24 * 60 * 60 * 1000,
            wall_clock: 0,
            cache: 0,
            max_task_idle: 0,
            handlers: Handlers::default(),
            backend: stores,
        };
        for (name, value) in &scenario.config {
            config.set(name, &plain(value))?;
        }
        Ok(config)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        let number = || {
            value.parse::<i64>().map_err(|_| Refusal::invalid(format!("config {name} = {value}")))
        };
        let resumes = value == "continue";
        match name {
            "wallClockStart" => self.wall_clock = number()?,
            "stores" => self.in_memory = value == "inMemory",
            "statestore.cache.max.bytes" => self.cache = usize::try_from(number()?).unwrap_or(0),
            "max.task.idle.ms" => self.max_task_idle = number()?,
            "windowstore.changelog.additional.retention.ms" => {
                self.additional_retention = number()?;
            }
            "deserialization.exception.handler" if resumes => {
                self.handlers.deserialization = Arc::new(LogAndContinue);
            }
            "deserialization.exception.handler" => {
                self.handlers.deserialization = Arc::new(LogAndFail);
            }
            "processing.exception.handler" if resumes => {
                self.handlers.processing = Arc::new(LogAndContinue);
            }
            "processing.exception.handler" => self.handlers.processing = Arc::new(LogAndFail),
            "default.timestamp.extractor" => self.extractor = Extractor::parse(value)?,
            "topology.optimization" => self.optimize(value),
            // These change nothing that a test driver shows.
            "buffered.records.per.partition" | "processing.guarantee" => {}
            "dsl.store.format" if value == "DEFAULT" => {}
            "ensure.explicit.internal.resource.naming" if value == "false" => {}
            "dsl.store.format"
            | "ensure.explicit.internal.resource.naming"
            | "upgrade.from"
            | "errors.dead.letter.queue.topic.name" => {
                return Err(Refusal::unsupported(format!("config {name}")));
            }
            _ => return Err(Refusal::invalid(format!("config `{name}` is not in the language"))),
        }
        Ok(())
    }

    fn optimize(&mut self, value: &str) {
        for part in value.split(',').map(str::trim) {
            self.merge_repartition_topics |= matches!(part, "all" | "merge.repartition.topics");
            self.reuse_source_topics |= matches!(part, "all" | "reuse.ktable.source.topics");
        }
    }

    /// The options of the driver: Java's way of running.
    pub fn driver(&self) -> DriverOptions {
        let options = DriverOptions::new()
            .application_id(APPLICATION_ID)
            .merged()
            .wall_clock(Timestamp::from_millis(self.wall_clock))
            .cache_max_bytes(self.cache)
            .max_task_idle_ms(self.max_task_idle)
            .handlers(self.handlers.clone());
        match self.backend {
            Stores::Memory => options,
            Stores::RocksDb => on_disk(options),
        }
    }
}

/// Keeps the stores of each task in a RocksDB, in a folder that goes with the options.
fn on_disk(options: DriverOptions) -> DriverOptions {
    let (scratch, memory) = (Scratch::new(), RocksMemory::new(DATABASE_BYTES));
    options.backend(move |task, stores| {
        let names: Vec<&str> = stores.iter().map(|name| &**name).collect();
        let folder = scratch.path().join(task.to_string());
        Ok(Arc::new(RocksBackend::open(&folder, &names, &memory)?))
    })
}
