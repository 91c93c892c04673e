//! The sticky, balanced assignment of tasks to the members of a group.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::{OwnedTasks, TaskId};

/// A member as the assignor sees it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AssignableMember {
    /// The process it belongs to: a task and its standbys never share one.
    pub process_id: String,
    /// What it was to hold before: it keeps as much of that as balance allows.
    pub previous: OwnedTasks,
}

/// Gives each task to one member, and each task of `stateful` sub-topologies to as many more as
/// there shall be standbys and other processes.
///
/// Members differ by at most one active task; within that, tasks of one sub-topology are spread
/// evenly, and a member keeps what it had. A task whose owner is gone goes to a member that was its
/// standby, if that one has room. The result depends on the arguments alone.
pub fn assign_tasks(
    members: &BTreeMap<String, AssignableMember>,
    tasks: &[TaskId],
    stateful: &BTreeSet<usize>,
    standby_replicas: usize,
) -> BTreeMap<String, OwnedTasks> {
    if members.is_empty() {
        return BTreeMap::new();
    }
    let mut assignor = Assignor::new(members, tasks);
    assignor.keep_previous();
    assignor.place_rest();
    assignor.place_standbys(stateful, standby_replicas);
    let names = members.keys().cloned();
    names.zip(assignor.slots.into_iter().map(|slot| slot.target)).collect()
}

struct Slot<'a> {
    member: &'a AssignableMember,
    target: OwnedTasks,
    per_subtopology: BTreeMap<usize, usize>,
}

impl Slot<'_> {
    fn active(&self) -> usize {
        self.target.active.len()
    }

    fn active_of(&self, subtopology: usize) -> usize {
        self.per_subtopology.get(&subtopology).copied().unwrap_or(0)
    }

    fn take(&mut self, task: TaskId) {
        self.target.active.insert(task);
        *self.per_subtopology.entry(task.subtopology).or_default() += 1;
    }
}

struct Assignor<'a> {
    slots: Vec<Slot<'a>>,
    open: BTreeSet<TaskId>,
    tasks: BTreeSet<TaskId>,
    /// Each member gets so many tasks ..
    quota: usize,
    /// .. and so many members one more.
    extra: usize,
}

impl<'a> Assignor<'a> {
    fn new(members: &'a BTreeMap<String, AssignableMember>, tasks: &[TaskId]) -> Self {
        let slot = |member| Slot {
            member,
            target: OwnedTasks::default(),
            per_subtopology: BTreeMap::new(),
        };
        let tasks: BTreeSet<_> = tasks.iter().copied().collect();
        Self {
            slots: members.values().map(slot).collect(),
            open: tasks.clone(),
            quota: tasks.len() / members.len(),
            extra: tasks.len() % members.len(),
            tasks,
        }
    }

    fn has_room(&self, slot: usize) -> bool {
        let active = self.slots[slot].active();
        active < self.quota || (active == self.quota && self.extra > 0)
    }

    fn give(&mut self, slot: usize, task: TaskId) {
        if self.slots[slot].active() == self.quota {
            self.extra -= 1;
        }
        self.slots[slot].take(task);
        self.open.remove(&task);
    }

    fn keep_previous(&mut self) {
        let mut in_subtopology = BTreeMap::<usize, usize>::new();
        for task in &self.tasks {
            *in_subtopology.entry(task.subtopology).or_default() += 1;
        }
        let even_share =
            |task: &TaskId| in_subtopology[&task.subtopology].div_ceil(self.slots.len());
        let shares: BTreeMap<TaskId, usize> =
            self.tasks.iter().map(|task| (*task, even_share(task))).collect();
        // Who had most gets the extra tasks: fewer have to move.
        let mut by_load: Vec<usize> = (0..self.slots.len()).collect();
        by_load.sort_by_key(|slot| Reverse(self.slots[*slot].member.previous.active.len()));
        for slot in by_load {
            for task in &self.slots[slot].member.previous.active {
                let even = self.slots[slot].active_of(task.subtopology)
                    < shares.get(task).copied().unwrap_or(0);
                if even && self.open.contains(task) && self.has_room(slot) {
                    self.give(slot, *task);
                }
            }
        }
    }

    fn place_rest(&mut self) {
        for task in self.open.clone() {
            let slots = (0..self.slots.len()).filter(|slot| self.has_room(*slot));
            let best = slots.min_by_key(|slot| {
                let slot = &self.slots[*slot];
                let was_standby = slot.member.previous.standby.contains(&task);
                (!was_standby, slot.active_of(task.subtopology), slot.active())
            });
            if let Some(slot) = best {
                self.give(slot, task);
            }
        }
    }

    fn place_standbys(&mut self, stateful: &BTreeSet<usize>, replicas: usize) {
        for _ in 0..replicas {
            for task in self.tasks.clone() {
                if !stateful.contains(&task.subtopology) {
                    continue;
                }
                let taken: BTreeSet<&str> = self
                    .slots
                    .iter()
                    .filter(|slot| holds(&slot.target, task))
                    .map(|slot| slot.member.process_id.as_str())
                    .collect();
                let free = (0..self.slots.len())
                    .filter(|slot| !taken.contains(self.slots[*slot].member.process_id.as_str()));
                let best = free.min_by_key(|slot| {
                    let slot = &self.slots[*slot];
                    let had_it = holds(&slot.member.previous, task);
                    (
                        slot.target.standby.len() / self.standby_share(replicas),
                        !had_it,
                        slot.active() + slot.target.standby.len(),
                    )
                });
                if let Some(slot) = best {
                    self.slots[slot].target.standby.insert(task);
                }
            }
        }
    }

    /// About how many standbys a member may keep before others are asked.
    fn standby_share(&self, replicas: usize) -> usize {
        (self.tasks.len() * replicas).div_ceil(self.slots.len()).max(1)
    }
}

fn holds(tasks: &OwnedTasks, task: TaskId) -> bool {
    tasks.active.contains(&task) || tasks.standby.contains(&task)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tasks(counts: &[i32]) -> Vec<TaskId> {
        let of = |(s, n): (usize, &i32)| (0..*n).map(move |p| TaskId::new(s, p));
        counts.iter().enumerate().flat_map(of).collect()
    }

    /// The members, each with what it had in `before`; `m1@p` names the process, else each has its
    /// own.
    fn members(
        names: &[&str],
        before: &BTreeMap<String, OwnedTasks>,
    ) -> BTreeMap<String, AssignableMember> {
        let member = |name: &&str| {
            let process_id = name.split('@').next_back().unwrap_or(name).to_string();
            let previous = before.get(*name).cloned().unwrap_or_default();
            ((*name).to_owned(), AssignableMember { process_id, previous })
        };
        names.iter().map(member).collect()
    }

    fn sizes(assignment: &BTreeMap<String, OwnedTasks>) -> Vec<usize> {
        assignment.values().map(|tasks| tasks.active.len()).collect()
    }

    fn kept(before: &BTreeMap<String, OwnedTasks>, after: &BTreeMap<String, OwnedTasks>) -> usize {
        let same = |(name, tasks): (&String, &OwnedTasks)| {
            before.get(name).map_or(0, |b| b.active.intersection(&tasks.active).count())
        };
        after.iter().map(same).sum()
    }

    fn assign(
        names: &[&str],
        tasks: &[TaskId],
        before: &BTreeMap<String, OwnedTasks>,
    ) -> BTreeMap<String, OwnedTasks> {
        let after = assign_tasks(&members(names, before), tasks, &BTreeSet::new(), 0);
        let all: Vec<_> = after.values().flat_map(|tasks| &tasks.active).copied().collect();
        assert_eq!(all.len(), tasks.len(), "each task once: {after:?}");
        assert_eq!(all.into_iter().collect::<BTreeSet<_>>(), tasks.iter().copied().collect());
        let (min, max) = (sizes(&after).into_iter().min(), sizes(&after).into_iter().max());
        assert!(max.unwrap() - min.unwrap() <= 1, "balanced: {after:?}");
        after
    }

    #[test]
    fn ten_partitions_over_three_threads_are_four_three_and_three() {
        let after = assign(&["a", "b", "c"], &tasks(&[10]), &BTreeMap::new());
        assert_eq!(sizes(&after), [4, 3, 3]);
    }

    #[test]
    fn a_member_that_joins_takes_only_its_share() {
        let ten = tasks(&[10]);
        let before = assign(&["a", "b"], &ten, &BTreeMap::new());
        let after = assign(&["a", "b", "c"], &ten, &before);
        assert_eq!(kept(&before, &after), 7);
        assert_eq!(assign(&["a", "b", "c"], &ten, &after), after, "then nothing moves");
    }

    #[test]
    fn a_member_that_leaves_moves_only_its_own_tasks() {
        let ten = tasks(&[10]);
        let before = assign(&["a", "b", "c"], &ten, &BTreeMap::new());
        for left in [["b", "c"], ["a", "c"], ["a", "b"]] {
            let after = assign(&left, &ten, &before);
            let stayed: usize = left.iter().map(|name| before[*name].active.len()).sum();
            assert_eq!(kept(&before, &after), stayed);
        }
    }

    #[test]
    fn tasks_of_one_subtopology_are_spread_evenly() {
        let two = tasks(&[6, 6]);
        let mut before = BTreeMap::new();
        for names in [&["a"][..], &["a", "b"], &["a", "b", "c"]] {
            before = assign(names, &two, &before);
            for (name, owned) in &before {
                for subtopology in 0..2 {
                    let of = owned.active.iter().filter(|t| t.subtopology == subtopology).count();
                    assert_eq!(of, 6 / names.len(), "{name} of {names:?}: {owned:?}");
                }
            }
        }
    }

    #[test]
    fn two_topics_over_two_members_stay_together_by_task() {
        let after = assign(&["a", "b"], &tasks(&[3]), &BTreeMap::new());
        assert_eq!(sizes(&after), [2, 1]);
    }

    #[test]
    fn more_members_than_tasks_leave_some_idle() {
        let after = assign(&["a", "b", "c"], &tasks(&[1]), &BTreeMap::new());
        assert_eq!(sizes(&after), [1, 0, 0]);
        assert_eq!(sizes(&assign(&["a"], &[], &after)), [0]);
        assert!(assign_tasks(&BTreeMap::new(), &tasks(&[1]), &BTreeSet::new(), 0).is_empty());
    }

    #[test]
    fn tasks_that_no_longer_exist_are_not_kept() {
        let before = assign(&["a"], &tasks(&[4]), &BTreeMap::new());
        let after = assign(&["a"], &tasks(&[2]), &before);
        assert_eq!(sizes(&after), [2]);
    }

    #[test]
    fn standbys_live_on_other_processes() {
        let stateful = BTreeSet::from([1]);
        let both = members(&["m1@x", "m2@x", "m3@y", "m4@y"], &BTreeMap::new());
        let after = assign_tasks(&both, &tasks(&[2, 8]), &stateful, 1);
        let process = |task: TaskId, standby: bool| {
            let set = |tasks: &OwnedTasks| {
                if standby { tasks.standby.clone() } else { tasks.active.clone() }
            };
            let holder = after.iter().find(|(_, tasks)| set(tasks).contains(&task));
            holder.map(|(name, _)| name.split('@').next_back().unwrap().to_owned())
        };
        for task in tasks(&[2, 8]) {
            if task.subtopology == 0 {
                assert_eq!(process(task, true), None, "no state, no standby");
            } else {
                assert!(process(task, true).is_some());
                assert_ne!(process(task, true), process(task, false));
            }
        }
        let standbys: Vec<_> = after.values().map(|tasks| tasks.standby.len()).collect();
        assert_eq!(standbys.iter().sum::<usize>(), 8);
        assert!(standbys.iter().all(|n| (1..=3).contains(n)), "{standbys:?}");
        let one = members(&["m1@x", "m2@x"], &BTreeMap::new());
        let alone = assign_tasks(&one, &tasks(&[0, 4]), &stateful, 1);
        assert!(alone.values().all(|tasks| tasks.standby.is_empty()), "no other process");
    }

    #[test]
    fn a_standby_takes_over_when_the_owner_is_gone() {
        let stateful = BTreeSet::from([0]);
        let names = ["a", "b", "c"];
        let before = assign_tasks(&members(&names, &BTreeMap::new()), &tasks(&[3]), &stateful, 1);
        let lost = before["a"].active.first().copied().unwrap();
        let standby = before.iter().find(|(_, tasks)| tasks.standby.contains(&lost)).unwrap().0;
        let after = assign_tasks(&members(&["b", "c"], &before), &tasks(&[3]), &stateful, 1);
        assert!(after[standby].active.contains(&lost));
    }

    #[test]
    fn nothing_moves_while_members_and_tasks_stay() {
        let stateful = BTreeSet::from([0, 1]);
        let names = ["m1@x", "m2@x", "m3@y", "m4@z"];
        let many = tasks(&[7, 5, 3]);
        let before = assign_tasks(&members(&names, &BTreeMap::new()), &many, &stateful, 1);
        let after = assign_tasks(&members(&names, &before), &many, &stateful, 1);
        assert_eq!(kept(&before, &after), 15);
    }
}
