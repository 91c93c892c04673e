use super::{LEAST_BYTES, MemoryAccount, MemoryLedger, MemoryPart};

const MIB: usize = 1 << 20;

/// Of 128 MiB, a share is twice as many MiB as it has parts: 16 of staged writes.
fn ledger() -> MemoryLedger {
    MemoryLedger::new(128 * MIB)
}

fn staged(ledger: &MemoryLedger, bytes: usize) -> MemoryAccount {
    let mut account = ledger.account(MemoryPart::Staged);
    account.set(bytes);
    account
}

fn used(ledger: &MemoryLedger, part: MemoryPart) -> usize {
    ledger.usage().part(part).unwrap().used
}

#[test]
fn all_shares_together_leave_something() {
    let ledger = ledger();
    let _cache = ledger.reserve_cache(64 * MIB).unwrap();
    let usage = ledger.usage();
    let shares: usize = usage.parts.iter().map(|part| part.share).sum();
    assert_eq!((usage.capacity, shares), (128 * MIB, (64 + 45) * MIB));
    for (place, part) in MemoryPart::ALL.into_iter().enumerate() {
        assert_eq!((part.place(), usage.parts[place].part), (place, part));
    }
}

#[test]
fn a_holder_alone_may_use_the_whole_share_and_no_more() {
    let ledger = ledger();
    let mut account = staged(&ledger, 16 * MIB);
    assert!(!account.is_over());
    account.set(16 * MIB + 1);
    assert!(account.is_over());
    account.set(16 * MIB);
    assert!(!account.is_over());
}

#[test]
fn a_holder_uses_what_others_leave_until_they_want_their_part() {
    let ledger = ledger();
    let busy = staged(&ledger, 15 * MIB);
    let mut calm = staged(&ledger, MIB);
    assert_eq!(busy.fair_part(), 8 * MIB);
    assert!(!busy.is_over() && !calm.is_over());
    calm.set(8 * MIB);
    assert!(busy.is_over());
    assert!(!calm.is_over(), "it has no more than its fair part");
    calm.set(9 * MIB);
    assert!(busy.is_over() && calm.is_over());
}

#[test]
fn whoever_is_over_gets_on_by_working_it_off() {
    let ledger = ledger();
    let mut accounts: Vec<MemoryAccount> = (0..5).map(|_| staged(&ledger, 20 * MIB)).collect();
    assert!(accounts.iter().all(MemoryAccount::is_over));
    for account in &mut accounts {
        account.set(0);
        assert!(!account.is_over());
    }
    assert_eq!(ledger.used(), 0);
}

#[test]
fn a_holder_may_have_a_little_however_many_there_are() {
    let ledger = ledger();
    let many: Vec<MemoryAccount> = (0..1000).map(|_| staged(&ledger, LEAST_BYTES)).collect();
    assert!(used(&ledger, MemoryPart::Staged) > ledger.share(MemoryPart::Staged));
    assert!(many.iter().all(|account| !account.is_over()));
}

#[test]
fn a_dropped_account_gives_back_its_bytes_and_its_part() {
    let ledger = ledger();
    let first = staged(&ledger, MIB);
    let second = staged(&ledger.clone(), 2 * MIB);
    assert_eq!((used(&ledger, MemoryPart::Staged), ledger.used()), (3 * MIB, 3 * MIB));
    assert_eq!(first.fair_part(), 8 * MIB);
    drop(second);
    assert_eq!((used(&ledger, MemoryPart::Staged), first.bytes()), (MIB, MIB));
    assert_eq!(first.fair_part(), 16 * MIB);
}

#[test]
fn parts_do_not_take_from_each_other() {
    let ledger = ledger();
    let staged = staged(&ledger, 60 * MIB);
    let mut fetched = ledger.account(MemoryPart::Fetched);
    fetched.set(8 * MIB);
    assert!(staged.is_over() && !fetched.is_over());
}

#[test]
fn caches_have_at_most_half_and_the_rest_is_shared() {
    let ledger = ledger();
    assert_eq!(ledger.cache_room(), 64 * MIB);
    let first = ledger.reserve_cache(32 * MIB).unwrap();
    assert_eq!(ledger.share(MemoryPart::Cache), 32 * MIB);
    assert_eq!(ledger.share(MemoryPart::Staged), 12 * MIB);
    assert!(ledger.reserve_cache(32 * MIB + 1).is_none());
    assert!(ledger.reserve_cache(usize::MAX).is_none());
    let second = ledger.reserve_cache(32 * MIB).unwrap();
    assert_eq!((ledger.cache_room(), ledger.share(MemoryPart::Staged)), (0, 8 * MIB));
    drop((first, second));
    assert_eq!((ledger.cache_room(), ledger.share(MemoryPart::Staged)), (64 * MIB, 16 * MIB));
}

#[cfg(feature = "rocksdb")]
#[test]
fn databases_share_one_memory_that_makes_room_for_caches() {
    let ledger = MemoryLedger::new(3 * 64 * MIB);
    let rocks = ledger.rocks();
    assert_eq!(rocks.memtables(), 20 * MIB);
    let cache = ledger.reserve_cache(3 * 32 * MIB).unwrap();
    assert_eq!((rocks.memtables(), ledger.clone().rocks().memtables()), (10 * MIB, 10 * MIB));
    drop(cache);
    assert_eq!(rocks.memtables(), 20 * MIB);
    assert_eq!(used(&ledger, MemoryPart::Stores), rocks.used());
}
