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

/// Bytes of a call's outputs for which memory is found before they are there: what they take at most is known by then,
/// and some take less.
const BEFOREHAND_BYTES_MAX: u64 = 16 << 20;

/// Bytes for which memory is found at once, in half a millisecond or so.
const PIECE_BYTES: u64 = 1 << 20;

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

    /// What of a region has no memory yet, as far as is known and as it is worth while to find some, in pieces.
    pub(crate) fn lacking(region: &Region) -> Vec<Room> {
        let Room { at, bytes } = region.room;
        let end = at + bytes.min(BEFOREHAND_BYTES_MAX);
        let mut lacking = Vec::new();
        let mut at = region.touched;
        while at < end {
            let bytes = PIECE_BYTES.min(end - at);
            lacking.push(Room { at, bytes });
            at += bytes;
        }
        lacking
    }

    /// Has the system find memory for these bytes now, rather than page by page when they are written.
    pub(crate) fn touch(&self, room: Room) {
        self.exchange.touch(room.at, room.at + room.bytes);
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
    /// What lies behind this place was never given out before, or not since memory was given back.
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
    /// What lies behind was not given out since memory was last given back.
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
    use crate::models::exchange::tests::{bytes_in_memory, can_find_beforehand};
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

    fn lacks(region: &Region) -> u64 {
        Arena::lacking(region).iter().map(|room| room.bytes).sum()
    }

    #[test]
    fn memory_is_found_beforehand_for_what_was_not_given_out_before() {
        const MIB: u64 = 1 << 20;
        let (arena, file) = arena();
        let kept = arena.keep(&vec![7; 1 << 20]).unwrap();
        let first = arena.reserve(5 * MIB / 2).unwrap();
        let places = [(MIB, MIB), (2 * MIB, MIB), (3 * MIB, MIB / 2)];
        let lacking = Arena::lacking(&first);
        assert_eq!(lacking, places.map(|(at, bytes)| Room { at, bytes }));
        lacking.into_iter().for_each(|room| arena.touch(room));
        let expected = match can_find_beforehand() {
            true => 7 * MIB / 2,
            false => MIB,
        };
        assert_eq!(bytes_in_memory(&file), expected);
        assert!(kept.iter().all(|&byte| byte == 7));
        // A region in the place of another lacks what lies behind that.
        drop(first);
        let second = arena.reserve(2 * MIB).unwrap();
        assert_eq!((second.room().at, lacks(&second)), (MIB, 0));
        drop(second);
        let third = arena.reserve(4 * MIB).unwrap();
        assert_eq!(third.room().at, MIB);
        assert_eq!(lacks(&third), 3 * MIB / 2);
        // Of what is large only a part is found.
        let large = arena.reserve(2 * BEFOREHAND_BYTES_MAX).unwrap();
        assert_eq!(lacks(&large), BEFOREHAND_BYTES_MAX);
        // What was found is given back with the rest, and lacking again.
        drop((third, large, kept));
        arena.trim();
        assert_eq!(bytes_in_memory(&file), 0);
        let last = arena.reserve(ARENA_BYTES).unwrap();
        assert_eq!(Arena::lacking(&last)[0].at, 0);
    }

    #[test]
    fn memory_that_nothing_is_kept_in_is_given_back() {
        let (arena, file) = arena();
        let megabytes = || bytes_in_memory(&file) >> 20;
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
