//! A binary heap whose ties come out in the order of `java.util.PriorityQueue`.

/// A min-heap of `(key, value)`.
///
/// Which of two equal keys leaves first decides which of two records with one timestamp is
/// processed first, so the moves are those of Java's `PriorityQueue`: `push` moves up while strictly
/// smaller than the parent, `pop` moves the last element down, into the right child only if that is
/// strictly smaller than the left one.
#[derive(Debug)]
pub(crate) struct MinHeap<P, T> {
    slots: Vec<(P, T)>,
}

impl<P, T> Default for MinHeap<P, T> {
    fn default() -> Self {
        Self { slots: Vec::new() }
    }
}

impl<P: Ord + Copy, T> MinHeap<P, T> {
    pub(crate) fn peek(&self) -> Option<&(P, T)> {
        self.slots.first()
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    pub(crate) fn push(&mut self, priority: P, value: T) {
        self.slots.push((priority, value));
        let mut at = self.slots.len() - 1;
        while at > 0 {
            let parent = (at - 1) / 2;
            if self.slots[parent].0 <= self.slots[at].0 {
                break;
            }
            self.slots.swap(at, parent);
            at = parent;
        }
    }

    pub(crate) fn pop(&mut self) -> Option<(P, T)> {
        if self.slots.is_empty() {
            return None;
        }
        let root = self.slots.swap_remove(0);
        self.sift_down();
        Some(root)
    }

    /// Drops every element that `keep` refuses; the others keep their relative order of leaving
    /// only as far as their keys decide it.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        let all = std::mem::take(&mut self.slots);
        for (priority, value) in all {
            if keep(&value) {
                self.push(priority, value);
            }
        }
    }

    fn sift_down(&mut self) {
        let (mut at, len) = (0, self.slots.len());
        loop {
            let left = 2 * at + 1;
            if left >= len {
                return;
            }
            let right = left + 1;
            let child =
                if right < len && self.slots[right].0 < self.slots[left].0 { right } else { left };
            if self.slots[at].0 <= self.slots[child].0 {
                return;
            }
            self.slots.swap(at, child);
            at = child;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::MinHeap;

    #[test]
    fn smallest_leaves_first() {
        let mut heap = MinHeap::default();
        for n in [5, 3, 8, 1, 9, 2] {
            heap.push(n, n);
        }
        let order: Vec<i32> = std::iter::from_fn(|| heap.pop()).map(|(_, n)| n).collect();
        assert_eq!(order, [1, 2, 3, 5, 8, 9]);
    }

    /// Recorded from `java.util.PriorityQueue`: with equal keys the last one in moves to the root.
    #[test]
    fn ties_leave_in_the_order_of_javas_queue() {
        let mut heap = MinHeap::default();
        for name in ["a", "b", "c", "d"] {
            heap.push(7, name);
        }
        let order: Vec<&str> = std::iter::from_fn(|| heap.pop()).map(|(_, n)| n).collect();
        assert_eq!(order, ["a", "d", "c", "b"]);
    }

    #[test]
    fn retain_drops_what_is_refused() {
        let mut heap = MinHeap::default();
        for n in 0..10 {
            heap.push(n, n);
        }
        heap.retain(|n| n % 2 == 0);
        assert_eq!(heap.len(), 5);
        assert_eq!(heap.peek(), Some(&(0, 0)));
    }
}
