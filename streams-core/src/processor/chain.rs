//! Nodes and the edges between them.

use std::{any::Any, cell::RefCell, marker::PhantomData, rc::Rc, sync::Arc};

use state_stores::Data;

use super::{
    api::{Processor, Punctuation},
    context::Context,
    source::Entry,
    state::TaskState,
};
use crate::{
    error::{Outcome, ProcessorError},
    record::Record,
};

/// A node as its parents see it.
///
/// `&self`: a stateless operator needs no cell, a processor with state keeps its own.
pub(crate) trait Node<K, V> {
    fn process(&self, key: K, value: V, task: &mut TaskState) -> Outcome;
}

/// A child; a second parent clones the `Rc`.
pub(crate) type Port<K, V> = Rc<dyn Node<K, V>>;

pub(crate) struct Edge<K, V> {
    pub(crate) child: Arc<str>,
    pub(crate) port: Port<K, V>,
}

/// The life of a node, free of its record types: a task keeps one for each node that has one.
pub(crate) trait Life {
    fn init(&self, task: &mut TaskState) -> Outcome;
    fn punctuate(&self, due: Punctuation, task: &mut TaskState) -> Outcome;
    fn flush(&self, task: &mut TaskState) -> Outcome;
    fn close(&self);
}

/// What a node description makes for one task.
pub(crate) struct Made {
    /// A `Port<K, V>`; absent for sources.
    pub(crate) port: Option<Box<dyn Any>>,
    pub(crate) life: Option<Rc<dyn Life>>,
    pub(crate) entry: Option<Box<dyn Entry>>,
}

/// What a node is wired with: its place in the task and its children, already made.
pub(crate) struct Wiring<'a> {
    pub(crate) id: usize,
    pub(crate) name: Arc<str>,
    pub(crate) children: Vec<(Arc<str>, &'a dyn Any)>,
    pub(crate) application_id: &'a str,
}

impl Wiring<'_> {
    /// The children with their types back.
    pub(crate) fn edges<K: 'static, V: 'static>(&self) -> Vec<Edge<K, V>> {
        self.children
            .iter()
            .map(|(child, port)| {
                let port = port
                    .downcast_ref::<Port<K, V>>()
                    .expect("`Topology::build` compared the types of parent and child");
                Edge { child: Arc::clone(child), port: Rc::clone(port) }
            })
            .collect()
    }
}

/// A processor with its children.
///
/// The cell cannot be entered twice: children stand below their parents, loops go through topics,
/// and punctuations, flushes and queries run between records.
struct Bound<P, KIn, VIn, KOut, VOut> {
    id: usize,
    name: Arc<str>,
    processor: RefCell<P>,
    children: Vec<Edge<KOut, VOut>>,
    takes: PhantomData<fn(KIn, VIn)>,
}

impl<P, KIn, VIn, KOut, VOut> Bound<P, KIn, VIn, KOut, VOut>
where
    P: Processor<KIn, VIn, KOut, VOut>,
{
    /// What surrounds log lines of the processor. Calls for single records have one only where
    /// somebody traces: entering it costs more than most of them.
    fn span(&self) -> tracing::Span {
        tracing::info_span!("node", name = &*self.name)
    }

    #[inline]
    fn run(
        &self,
        task: &mut TaskState,
        call: impl FnOnce(&mut P, &mut Context<'_, KOut, VOut>) -> Outcome,
    ) -> Outcome {
        task.node = self.id;
        let mut processor = self.processor.borrow_mut();
        match call(&mut processor, &mut Context::new(self.id, &self.children, task)) {
            Ok(()) => Ok(()),
            Err(error) => task.node_failed(&self.name, error),
        }
    }
}

impl<P, KIn, VIn, KOut, VOut> Node<KIn, VIn> for Bound<P, KIn, VIn, KOut, VOut>
where
    P: Processor<KIn, VIn, KOut, VOut>,
{
    fn process(&self, key: KIn, value: VIn, task: &mut TaskState) -> Outcome {
        let _entered = tracing::trace_span!("node", name = &*self.name).entered();
        let headers = task.context.headers.clone();
        let record = Record { key, value, timestamp: task.context.timestamp, headers };
        self.run(task, |processor, ctx| processor.process(record, ctx))
    }
}

impl<P, KIn, VIn, KOut, VOut> Life for Bound<P, KIn, VIn, KOut, VOut>
where
    P: Processor<KIn, VIn, KOut, VOut>,
{
    fn init(&self, task: &mut TaskState) -> Outcome {
        let _entered = self.span().entered();
        task.node = self.id;
        let mut processor = self.processor.borrow_mut();
        let outcome = processor.init(&mut Context::new(self.id, &self.children, task));
        outcome.map_err(|error| task.fatal(&self.name, "could not be initialized", error))
    }

    fn punctuate(&self, due: Punctuation, task: &mut TaskState) -> Outcome {
        let _entered = self.span().entered();
        self.run(task, |processor, ctx| processor.punctuate(due, ctx))
    }

    fn flush(&self, task: &mut TaskState) -> Outcome {
        let _entered = self.span().entered();
        self.run(task, Processor::flush)
    }

    fn close(&self) {
        let _entered = self.span().entered();
        // A panic inside the processor may have left the cell borrowed; there is nothing to close then.
        if let Ok(mut processor) = self.processor.try_borrow_mut() {
            processor.close();
        }
    }
}

pub(crate) fn wire_processor<P, KIn, VIn, KOut, VOut>(wiring: &Wiring<'_>, processor: P) -> Made
where
    P: Processor<KIn, VIn, KOut, VOut>,
    KIn: Data,
    VIn: Data,
    KOut: Data,
    VOut: Data,
{
    let bound = Rc::new(Bound {
        id: wiring.id,
        name: Arc::clone(&wiring.name),
        processor: RefCell::new(processor),
        children: wiring.edges(),
        takes: PhantomData,
    });
    let port: Port<KIn, VIn> = Rc::clone(&bound) as _;
    Made { port: Some(Box::new(port)), life: Some(bound), entry: None }
}

/// A stateless operator: one `Fn` over key, value and context, so nothing guards it.
struct Step<KOut, VOut, F> {
    id: usize,
    name: Arc<str>,
    run: F,
    children: Vec<Edge<KOut, VOut>>,
}

impl<KIn, VIn, KOut, VOut, F> Node<KIn, VIn> for Step<KOut, VOut, F>
where
    F: Fn(KIn, VIn, &mut Context<'_, KOut, VOut>) -> Result<(), ProcessorError>,
{
    #[inline]
    fn process(&self, key: KIn, value: VIn, task: &mut TaskState) -> Outcome {
        task.node = self.id;
        match (self.run)(key, value, &mut Context::new(self.id, &self.children, task)) {
            Ok(()) => Ok(()),
            Err(error) => task.node_failed(&self.name, error),
        }
    }
}

pub(crate) fn wire_step<KIn, VIn, KOut, VOut, F>(wiring: &Wiring<'_>, run: F) -> Made
where
    KIn: Data,
    VIn: Data,
    KOut: Data,
    VOut: Data,
    F: Fn(KIn, VIn, &mut Context<'_, KOut, VOut>) -> Outcome + 'static,
{
    let name = Arc::clone(&wiring.name);
    let port: Port<KIn, VIn> =
        Rc::new(Step { id: wiring.id, name, run, children: wiring.edges::<KOut, VOut>() });
    Made { port: Some(Box::new(port)), life: None, entry: None }
}
