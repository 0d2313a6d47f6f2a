//! Where a run keeps tensors in the memory that it shares with a process of models: what a guest gives is written there
//! once, and what a model gave is read where the process has put it. Only the run decides what lies where; the
//! processes are told with each call.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use super::exchange::{ALIGNMENT, ARENA_BYTES, Exchange, KEPT_BYTES_MAX, Room};
use crate::host::wide;
use crate::locks::locked;

/// Bytes of a call's outputs for which memory is found before they are there. A run has it twice, so there is an end.
const BEFOREHAND_BYTES_MAX: u64 = 16 << 20;

/// A run's view of the memory.
pub(crate) struct Arena {
    exchange: Exchange,
    spans: Mutex<Spans>,
}

impl Arena {
    /// Maps the file of an exchange in which nothing is kept yet.
    pub(crate) fn open(file: &File) -> std::io::Result<Arena> {
        Ok(Arena {
            exchange: Exchange::open(file)?,
            spans: Mutex::new(Spans::new(ARENA_BYTES)),
        })
    }

    pub(crate) fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// A copy of these bytes, kept here; none if there is no room.
    pub(crate) fn keep(self: &Arc<Arena>, bytes: &[u8]) -> Option<Bytes> {
        let region = self.reserve(wide(bytes.len()))?;
        let length = wide(bytes.len());
        self.exchange.write(region.room.at, bytes).ok()?;
        Some(region.into_bytes(length))
    }

    /// Room for so many bytes; none if there is not as much in one piece.
    pub(crate) fn reserve(self: &Arc<Arena>, bytes: u64) -> Option<Region> {
        let bytes = bytes.max(1).checked_next_multiple_of(ALIGNMENT)?;
        let mut spans = locked(&self.spans);
        let touched = spans.touched;
        let at = spans.take(bytes)?;
        Some(Region {
            arena: Arc::clone(self),
            room: Room { at, bytes },
            touched: touched.max(at),
            used: 0,
        })
    }

    /// Where these bytes are, if they are kept here.
    pub(crate) fn place_of(&self, bytes: &Bytes) -> Option<u64> {
        let at = self.exchange.place_of(bytes);
        at.filter(|&at| at < ARENA_BYTES)
    }

    /// What of a region has no memory yet, and as much behind it as the region has if `another` like it is to follow.
    pub(crate) fn lacking(&self, region: &Region, another: bool) -> Room {
        let Room { at, bytes } = region.room;
        let is_last = locked(&self.spans).touched == at + bytes;
        let ahead = if another && is_last { bytes } else { 0 };
        let end = match bytes <= BEFOREHAND_BYTES_MAX {
            true => (at + bytes + ahead).min(ARENA_BYTES),
            false => 0,
        };
        Room {
            at: region.touched,
            bytes: end.saturating_sub(region.touched),
        }
    }

    /// Has the system find memory for these bytes now, rather than page by page when they are written.
    pub(crate) fn touch(&self, room: Room) {
        let end = room.at + room.bytes;
        self.exchange.touch(room.at, end);
        let mut spans = locked(&self.spans);
        spans.touched = spans.touched.max(end);
    }

    /// Gives memory back to the system that nothing is kept in, unless it is little.
    pub(crate) fn trim(&self) {
        let mut spans = locked(&self.spans);
        let touched = std::mem::take(&mut spans.touched);
        if touched <= KEPT_BYTES_MAX {
            spans.touched = touched;
            return;
        }
        for (&at, &bytes) in spans.by_place.range(..touched) {
            self.exchange.release(at, (at + bytes).min(touched));
        }
        // What is kept is where it was.
        spans.touched = spans.last_taken(touched);
    }
}

/// Bytes of the memory that nobody else is given until it is dropped.
pub(crate) struct Region {
    arena: Arc<Arena>,
    room: Room,
    /// What lies behind this place had no memory when the region was given out.
    touched: u64,
    /// Of which so many are read.
    used: usize,
}

impl Region {
    pub(crate) fn room(&self) -> Room {
        self.room
    }

    /// The first so many bytes, at most as many as it has. The rest is free again.
    pub(crate) fn into_bytes(self, bytes: u64) -> Bytes {
        let place = Room {
            at: self.room.at,
            bytes: bytes.min(self.room.bytes),
        };
        let parts = self.into_parts(&[place]);
        parts.and_then(|mut parts| parts.pop()).unwrap_or_default()
    }

    /// The bytes at these places, each of which is free again by itself, and the rest at once. None if they do not lie
    /// one behind the other from the beginning on.
    pub(crate) fn into_parts(mut self, places: &[Room]) -> Option<Vec<Bytes>> {
        let mut parts = Vec::with_capacity(places.len());
        for place in places {
            if place.bytes == 0 {
                parts.push(Bytes::new());
                continue;
            }
            let (at, end) = (self.room.at, self.room.at + self.room.bytes);
            let next = place.at.checked_add(place.bytes)?;
            let next = next.checked_next_multiple_of(ALIGNMENT)?;
            if place.at != at || next > end {
                return None;
            }
            (self.room.at, self.room.bytes) = (next, end - next);
            parts.push(Bytes::from_owner(Region {
                arena: Arc::clone(&self.arena),
                room: Room {
                    at,
                    bytes: next - at,
                },
                touched: self.touched,
                used: usize::try_from(place.bytes).ok()?,
            }));
        }
        Some(parts)
    }
}

impl AsRef<[u8]> for Region {
    fn as_ref(&self) -> &[u8] {
        let at = usize::try_from(self.room.at).unwrap_or(0);
        // SAFETY: the room lies in the mapping, which the region keeps. It is nobody else's until the region is gone,
        // so that this process writes nothing there.
        unsafe { self.arena.exchange.lent(at, self.used) }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        if self.room.bytes > 0 {
            locked(&self.arena.spans).give(self.room.at, self.room.bytes);
        }
    }
}

/// Which bytes are free: none of two spans touch.
struct Spans {
    by_place: BTreeMap<u64, u64>,
    by_bytes: BTreeSet<(u64, u64)>,
    /// What lies behind was not given out since memory was last given back, and has none.
    touched: u64,
}

impl Spans {
    fn new(bytes: u64) -> Spans {
        Spans {
            by_place: BTreeMap::from([(0, bytes)]),
            by_bytes: BTreeSet::from([(bytes, 0)]),
            touched: 0,
        }
    }

    /// The beginning of the smallest span that has so many bytes: the rest of it stays free.
    fn take(&mut self, bytes: u64) -> Option<u64> {
        let &(size, at) = self.by_bytes.range((bytes, 0)..).next()?;
        self.remove(at, size);
        if size > bytes {
            self.insert(at + bytes, size - bytes);
        }
        self.touched = self.touched.max(at + bytes);
        Some(at)
    }

    fn give(&mut self, mut at: u64, mut bytes: u64) {
        if let Some((&before, &size)) = self.by_place.range(..at).next_back()
            && before + size == at
        {
            self.remove(before, size);
            (at, bytes) = (before, size + bytes);
        }
        if let Some(&size) = self.by_place.get(&(at + bytes)) {
            self.remove(at + bytes, size);
            bytes += size;
        }
        self.insert(at, bytes);
    }

    /// Where what is not free ends, before this place.
    fn last_taken(&self, before: u64) -> u64 {
        let last = self.by_place.range(..before).next_back();
        match last {
            Some((&at, &size)) if at + size >= before => at,
            _ => before,
        }
    }

    fn insert(&mut self, at: u64, bytes: u64) {
        self.by_place.insert(at, bytes);
        self.by_bytes.insert((bytes, at));
    }

    fn remove(&mut self, at: u64, bytes: u64) {
        self.by_place.remove(&at);
        self.by_bytes.remove(&(bytes, at));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::models::exchange::{ExchangeFile, Layout};

    fn arena() -> (Arc<Arena>, ExchangeFile) {
        let file = ExchangeFile::new().unwrap();
        (Arc::new(Arena::open(&file.0).unwrap()), file)
    }

    #[test]
    fn what_is_kept_stays_until_the_last_has_let_go_of_it() {
        let (arena, file) = arena();
        let other = Exchange::open(&file.0).unwrap();
        let first = arena.keep(b"first").unwrap();
        let at = arena.place_of(&first).unwrap();
        assert_eq!(other.read(at, 5).unwrap(), b"first");
        let part = first.slice(1..3);
        drop(first);
        let second = arena.keep(b"second").unwrap();
        assert_eq!((&part[..], &second[..]), (&b"ir"[..], &b"second"[..]));
        drop(part);
        assert_eq!(arena.place_of(&arena.keep(b"third").unwrap()), Some(at));
        assert_eq!(arena.place_of(&Bytes::from_static(b"elsewhere")), None);
    }

    #[test]
    fn what_a_process_puts_into_a_region_is_read_there_and_its_rest_is_free() {
        let (arena, file) = arena();
        let region = arena.reserve(1_000).unwrap();
        let room = region.room();
        Exchange::open(&file.0)
            .unwrap()
            .write(room.at, b"output")
            .unwrap();
        let output = region.into_bytes(6);
        let next = arena.reserve(1).unwrap();
        assert_eq!(next.room().at, room.at + ALIGNMENT);
        assert_eq!(&output[..], b"output");
        assert_eq!(arena.place_of(&output), Some(room.at));
    }

    #[test]
    fn each_part_of_a_region_is_free_again_by_itself() {
        let (arena, _file) = arena();
        let places = |lengths: [u64; 4]| {
            let mut layout = Layout::from(0);
            lengths.map(|bytes| Room {
                at: layout.next(bytes),
                bytes,
            })
        };
        let region = arena.reserve(10_000).unwrap();
        let mut parts = region.into_parts(&places([100, 0, 4_000, 1])).unwrap();
        assert_eq!(
            parts.iter().map(Bytes::len).collect::<Vec<_>>(),
            [100, 0, 4_000, 1]
        );
        let large = arena.place_of(&parts.remove(2));
        assert_eq!(large, Some(128));
        // There is room again, though what lies about it is kept.
        assert_eq!(arena.reserve(4_000).unwrap().room().at, 128);
        drop(parts);
        assert_eq!(arena.reserve(ARENA_BYTES).unwrap().room().at, 0);
        // What does not fit is none, and nothing is lost.
        for lengths in [[10_000, 1, 0, 0], [1 << 62, 0, 0, 0], [64, 1 << 62, 1, 0]] {
            let region = arena.reserve(10_000).unwrap();
            assert_eq!(region.into_parts(&places(lengths)), None);
        }
        arena.reserve(ARENA_BYTES).unwrap();
    }

    #[test]
    fn there_is_room_again_once_all_is_let_go() {
        let (arena, _file) = arena();
        let all = arena.reserve(ARENA_BYTES).unwrap();
        assert!(arena.reserve(1).is_none() && arena.keep(b"no").is_none());
        drop(all);
        assert!(arena.reserve(ARENA_BYTES + 1).is_none());
        assert!(arena.reserve(u64::MAX).is_none());
        arena.reserve(ARENA_BYTES).unwrap();
    }

    #[test]
    fn memory_is_found_beforehand_for_what_has_none_and_for_one_more() {
        use std::os::unix::fs::MetadataExt as _;
        const MIB: u64 = 1 << 20;
        let (arena, file) = arena();
        let megabytes = || file.0.metadata().unwrap().blocks() / 2_048;
        let room = |at, bytes| Room { at, bytes };
        let kept = arena.keep(&[7; MIB as usize]).unwrap();
        let first = arena.reserve(4 * MIB).unwrap();
        assert_eq!(arena.lacking(&first, false), room(MIB, 4 * MIB));
        let both = arena.lacking(&first, true);
        assert_eq!(both, room(MIB, 8 * MIB));
        assert_eq!(megabytes(), 1);
        arena.touch(both);
        // On a system that cannot, nothing is found, and no harm is done.
        assert!([1, 9].contains(&megabytes()));
        assert!(kept.iter().all(|&byte| byte == 7));
        let second = arena.reserve(4 * MIB).unwrap();
        assert_eq!(arena.lacking(&second, false).bytes, 0);
        // In the place of the first nothing is lacking, and none follows that is last.
        drop(first);
        let third = arena.reserve(4 * MIB).unwrap();
        assert_eq!(third.room().at, MIB);
        assert_eq!(arena.lacking(&third, true).bytes, 0);
        // What is large is left to be found when it is written.
        let large = arena.reserve(BEFOREHAND_BYTES_MAX + 1).unwrap();
        assert_eq!(arena.lacking(&large, true).bytes, 0);
        // What was found beforehand is given back with the rest.
        drop((second, third, large, kept));
        arena.trim();
        assert_eq!(megabytes(), 0);
        // There is nothing behind the end.
        let all = arena.reserve(ARENA_BYTES - MIB).unwrap();
        let last = arena.reserve(MIB).unwrap();
        assert_eq!(arena.lacking(&last, true), room(ARENA_BYTES - MIB, MIB));
        drop((all, last));
    }

    #[test]
    fn memory_that_nothing_is_kept_in_is_given_back() {
        use std::os::unix::fs::MetadataExt as _;
        let (arena, file) = arena();
        let megabytes = || file.0.metadata().unwrap().blocks() / 2_048;
        let large = arena.keep(&vec![1; 8 << 20]).unwrap();
        let kept = arena.keep(&[7; 100]).unwrap();
        let behind = arena.keep(&vec![1; 8 << 20]).unwrap();
        assert!(megabytes() >= 16);
        drop((large, behind));
        arena.trim();
        assert_eq!(megabytes(), 0);
        assert_eq!(&kept[..], [7; 100]);
        assert_eq!(&arena.keep(&[8; 9]).unwrap()[..], [8; 9]);
    }

    proptest! {
        #[test]
        fn no_two_regions_share_a_byte_and_none_is_lost(
            steps in proptest::collection::vec((any::<bool>(), 1..40_u64, any::<usize>()), 1..200),
        ) {
            const ALL: u64 = 400;
            let mut spans = Spans::new(ALL);
            let mut taken: Vec<(u64, u64)> = Vec::new();
            for (takes, bytes, which) in steps {
                if takes {
                    let largest = spans.by_bytes.last().map_or(0, |&(size, _)| size);
                    let at = spans.take(bytes);
                    prop_assert_eq!(at.is_some(), largest >= bytes);
                    taken.extend(at.map(|at| (at, bytes)));
                } else if !taken.is_empty() {
                    let (at, bytes) = taken.swap_remove(which % taken.len());
                    spans.give(at, bytes);
                }
                let free = spans.by_place.iter().map(|(&at, &bytes)| (at, bytes));
                let mut all: Vec<_> = free.chain(taken.iter().copied()).collect();
                all.sort_unstable();
                let mut end = 0;
                for (at, bytes) in all {
                    prop_assert_eq!(at, end);
                    end = at + bytes;
                }
                prop_assert_eq!(end, ALL);
                let by_bytes: BTreeSet<_> =
                    spans.by_place.iter().map(|(&at, &bytes)| (bytes, at)).collect();
                prop_assert_eq!(&spans.by_bytes, &by_bytes);
                let mut before = None;
                for (&at, &bytes) in &spans.by_place {
                    prop_assert!(before != Some(at), "two spans touch");
                    before = Some(at + bytes);
                }
            }
        }
    }
}
