//! Which entry was used least recently, exactly, at no cost for a use but a count.

use super::Entry;

/// The entries in the order of their use when it was last asked for and not known; those used
/// since are later than all of them, and passed over.
#[derive(Debug, Default)]
pub(super) struct Eldest {
    /// (count of the latest use, slot), the eldest last.
    queue: Vec<(u64, u32)>,
}

impl Eldest {
    /// The slot of the entry used least recently.
    pub(super) fn find<V>(&mut self, entries: &[Entry<V>]) -> Option<usize> {
        if let Some(slot) = self.still_eldest(entries) {
            return Some(slot);
        }
        let live = entries.iter().zip(0_u32..).filter(|(entry, _)| entry.used != 0);
        self.queue.extend(live.map(|(entry, slot)| (entry.used, slot)));
        self.queue.sort_unstable_by(|a, b| b.cmp(a));
        self.still_eldest(entries)
    }

    fn still_eldest<V>(&mut self, entries: &[Entry<V>]) -> Option<usize> {
        while let Some(&(used, slot)) = self.queue.last() {
            if entries[slot as usize].used == used {
                return Some(slot as usize);
            }
            self.queue.pop();
        }
        None
    }
}
