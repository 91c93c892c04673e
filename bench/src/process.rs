//! CPU time and memory of processes, from `/proc`.

use std::{collections::BTreeMap, fs, path::Path};

/// `USER_HZ` of Linux: in which times of processes are told.
const TICKS_PER_SECOND: f64 = 100.0;

/// Kinds of threads by what their names contain, which the kernel cuts off after 15 bytes.
const KINDS: &[(&str, &str)] = &[
    ("StateUpd", "state-updater"),
    ("StreamThr", "stream"),
    ("copy", "stream"),
    ("kafka-network", "client-network"),
    ("rocksdb", "rocksdb-bg"),
];

/// CPU seconds of a process since its start, in user and in kernel mode; 0 if it is gone.
pub(crate) fn cpu_seconds(pid: &str) -> f64 {
    let fields = stat(&format!("/proc/{pid}/stat"));
    [11, 12].iter().filter_map(|field| fields.get(*field)).sum::<f64>() / TICKS_PER_SECOND
}

/// CPU seconds of all these processes together.
pub(crate) fn cpu_seconds_of_all(pids: &[String]) -> f64 {
    pids.iter().map(|pid| cpu_seconds(pid)).sum()
}

/// `VmRSS` or `VmHWM` (the most so far) of this process, in MiB.
pub(crate) fn memory_mb(field: &str) -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    let kilobytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes / 1024.0)
}

/// Milliseconds since this process began.
pub(crate) fn age_ms() -> Option<i64> {
    let uptime = fs::read_to_string("/proc/uptime").ok()?;
    let uptime: f64 = uptime.split(' ').next()?.parse().ok()?;
    let began = stat("/proc/self/stat").get(19)? / TICKS_PER_SECOND;
    Some(((uptime - began) * 1000.0) as i64)
}

/// CPU seconds of this process's living threads, by kind.
pub(crate) fn cpu_by_thread() -> BTreeMap<&'static str, f64> {
    let mut seconds = BTreeMap::new();
    for task in fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let name = fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        let kind = KINDS.iter().find(|(part, _)| name.contains(part));
        *seconds.entry(kind.map_or("other", |(_, kind)| *kind)).or_default() +=
            nanoseconds(&task.path()) / 1e9;
    }
    seconds
}

/// How long a thread has been on a CPU.
fn nanoseconds(task: &Path) -> f64 {
    let scheduled = fs::read_to_string(task.join("schedstat")).unwrap_or_default();
    scheduled.split(' ').next().and_then(|on_cpu| on_cpu.parse().ok()).unwrap_or_default()
}

/// The numbers of a `stat` file from the third field on, which is the first after the name.
fn stat(path: &str) -> Vec<f64> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let after_name = text.rsplit(") ").next().unwrap_or_default();
    // The state is a letter: a place is kept for it.
    after_name.split(' ').map(|field| field.trim().parse().unwrap_or(0.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_a_memory_and_an_age() {
        assert!(memory_mb("VmRSS").unwrap() > 0.5);
        assert!(memory_mb("VmHWM").unwrap() > 0.5);
        assert!((0..3_600_000).contains(&age_ms().unwrap()));
        assert_eq!(memory_mb("VmNone"), None);
    }

    #[test]
    fn work_is_seen_in_its_thread_and_in_the_process() {
        let before = cpu_seconds("self");
        let worker = move || {
            let mut sum = 0_u64;
            while cpu_seconds("self") < before + 0.05 {
                sum = (0..1_000_000).fold(sum, |sum, one| std::hint::black_box(sum ^ one));
            }
            (sum, cpu_by_thread())
        };
        let thread = std::thread::Builder::new().name("x-StreamThread-1".to_owned());
        let (_, by_thread) = thread.spawn(worker).unwrap().join().unwrap();
        assert!(by_thread["stream"] > 0.0, "{by_thread:?}");
    }

    #[test]
    fn a_process_that_is_gone_has_no_time() {
        assert!(cpu_seconds("none").abs() < f64::EPSILON);
    }
}
