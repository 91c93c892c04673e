//! Makes the chain of one task: nodes bottom-up, each with its children.

use std::{any::Any, rc::Rc, sync::Arc};

use super::{NodeSpec, Topology};
use crate::processor::{Entry, Life, Wiring};

/// The nodes of one task.
pub(crate) struct Wired {
    /// By node index: the nodes that have a life of their own.
    pub(crate) lives: Vec<Option<Rc<dyn Life>>>,
    /// By node index: the sources.
    pub(crate) entries: Vec<Option<Box<dyn Entry>>>,
}

impl Topology {
    /// Wires the nodes of these sub-topologies: normally of one, of all in the test driver's
    /// merged mode.
    pub(crate) fn wire(&self, subtopologies: &[usize], application_id: &str) -> Wired {
        let parts = &self.parts;
        let count = parts.nodes.len();
        let mut ports: Vec<Vec<Box<dyn Any>>> = (0..count).map(|_| Vec::new()).collect();
        let mut lives = vec![None; count];
        let mut entries: Vec<Option<Box<dyn Entry>>> = (0..count).map(|_| None).collect();
        let mut nodes: Vec<usize> =
            subtopologies.iter().flat_map(|at| &parts.subtopologies[*at].nodes).copied().collect();
        nodes.sort_unstable();
        // Children stand after their parents.
        for id in nodes.into_iter().rev() {
            let children = parts.children[id]
                .iter()
                .filter_map(|child| {
                    Some((Arc::clone(&parts.nodes[*child].name), ports[*child].pop()?))
                })
                .collect();
            let NodeSpec { name, make, parents, .. } = &parts.nodes[id];
            let (name, parents) = (Arc::clone(name), parents.len());
            let made = make(Wiring { id, name, parents, children, application_id });
            ports[id] = made.ports;
            lives[id] = made.life;
            entries[id] = made.entry;
        }
        Wired { lives, entries }
    }
}
