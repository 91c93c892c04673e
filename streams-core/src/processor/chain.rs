//! Nodes and the edges between them.

use std::{any::Any, cell::RefCell, marker::PhantomData, rc::Rc, sync::Arc};

use state_stores::Data;

use super::{
    api::{Nothing, Processor, Punctuation},
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

/// A child, or a share of one that has several parents.
///
/// A box, because every hop waits for the address of the next node: behind an `Rc<dyn Node>` it
/// takes a load of the alignment and some arithmetic more.
pub(crate) type Port<K, V> = Box<dyn Node<K, V>>;

/// A share of a node.
struct Shared<N>(Rc<N>);

impl<K, V, N: Node<K, V>> Node<K, V> for Shared<N> {
    #[inline]
    fn process(&self, key: K, value: V, task: &mut TaskState) -> Outcome {
        self.0.process(key, value, task)
    }
}

/// A [`Port`] of `node` for each of its parents.
pub(crate) fn ports<K: Data, V: Data>(
    node: impl Node<K, V> + 'static,
    parents: usize,
) -> Vec<Box<dyn Any>> {
    if parents == 1 {
        let port: Port<K, V> = Box::new(node);
        return vec![Box::new(port)];
    }
    shared_ports(&Rc::new(node), parents)
}

fn shared_ports<K: Data, V: Data>(
    node: &Rc<impl Node<K, V> + 'static>,
    parents: usize,
) -> Vec<Box<dyn Any>> {
    let share = |_| -> Box<dyn Any> {
        let port: Port<K, V> = Box::new(Shared(Rc::clone(node)));
        Box::new(port)
    };
    (0..parents).map(share).collect()
}

pub(crate) struct Edge<K, V> {
    pub(crate) child: Arc<str>,
    pub(crate) port: Port<K, V>,
}

/// The children of a node, in the order in which they were added.
pub(crate) enum Children<K, V> {
    /// The rule: found without going through a list.
    One(Edge<K, V>),
    /// Any other number.
    List(Vec<Edge<K, V>>),
}

impl<K, V> Children<K, V> {
    pub(crate) fn as_slice(&self) -> &[Edge<K, V>] {
        match self {
            Self::One(edge) => std::slice::from_ref(edge),
            Self::List(edges) => edges,
        }
    }
}

impl Children<Nothing, Nothing> {
    pub(crate) const NONE: &'static Self = &Self::List(Vec::new());
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
    /// A `Port<K, V>` for each parent.
    pub(crate) ports: Vec<Box<dyn Any>>,
    pub(crate) life: Option<Rc<dyn Life>>,
    pub(crate) entry: Option<Box<dyn Entry>>,
}

/// What a node is wired with: its place in the task and its children, already made.
pub(crate) struct Wiring<'a> {
    pub(crate) id: usize,
    pub(crate) name: Arc<str>,
    /// How many nodes stand above it.
    pub(crate) parents: usize,
    /// The names of its children, and a `Port<K, V>` of each.
    pub(crate) children: Vec<(Arc<str>, Box<dyn Any>)>,
    pub(crate) application_id: &'a str,
}

impl Wiring<'_> {
    /// The children with their types back.
    pub(crate) fn take_children<K: 'static, V: 'static>(&mut self) -> Children<K, V> {
        let mut edges: Vec<Edge<K, V>> = self
            .children
            .drain(..)
            .map(|(child, port)| {
                let port = port
                    .downcast::<Port<K, V>>()
                    .expect("`Topology::build` compared the types of parent and child");
                Edge { child, port: *port }
            })
            .collect();
        match (edges.pop(), edges.is_empty()) {
            (Some(only), true) => Children::One(only),
            (last, _) => {
                edges.extend(last);
                Children::List(edges)
            }
        }
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
    children: Children<KOut, VOut>,
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

pub(crate) fn wire_processor<P, KIn, VIn, KOut, VOut>(mut wiring: Wiring<'_>, processor: P) -> Made
where
    P: Processor<KIn, VIn, KOut, VOut>,
    KIn: Data,
    VIn: Data,
    KOut: Data,
    VOut: Data,
{
    let bound = Rc::new(Bound {
        id: wiring.id,
        children: wiring.take_children(),
        name: wiring.name,
        processor: RefCell::new(processor),
        takes: PhantomData,
    });
    let ports = shared_ports::<KIn, VIn>(&bound, wiring.parents);
    Made { ports, life: Some(bound), entry: None }
}

/// A stateless operator: one `Fn` over key, value and context, so nothing guards it.
struct Step<KOut, VOut, F> {
    id: usize,
    name: Arc<str>,
    run: F,
    children: Children<KOut, VOut>,
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

pub(crate) fn wire_step<KIn, VIn, KOut, VOut, F>(mut wiring: Wiring<'_>, run: F) -> Made
where
    KIn: Data,
    VIn: Data,
    KOut: Data,
    VOut: Data,
    F: Fn(KIn, VIn, &mut Context<'_, KOut, VOut>) -> Outcome + 'static,
{
    let children = wiring.take_children::<KOut, VOut>();
    let step = Step { id: wiring.id, name: wiring.name, run, children };
    Made { ports: ports::<KIn, VIn>(step, wiring.parents), life: None, entry: None }
}
