//! Keeps the three who take turns at a call on a model on one processor: the runner, the thread of the parent that
//! passes its questions on, and the process that computes. Each is awakened by the one before, which then waits; on a
//! processor of its own each would be found asleep, and to awaken an idle processor takes longer than all else that is
//! done for a call.
//!
//! Nothing depends on it but time. Threads begin with the processors of whoever starts them, so what an embedder does
//! in the midst of it is done by a thread as it was found. Whoever was placed by somebody else stays as placed, and who
//! finds that others want the same processor lets go of it for a while.

use std::cell::{Cell, OnceCell};
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, Pid, sched_getaffinity, sched_getcpu, sched_setaffinity};

/// How long a call keeps its processor to itself: in one that takes longer, awakening counts for nothing.
pub(super) const HELD_MAX: Duration = Duration::from_millis(100);

/// How long a run does without, once it has met others on its processor.
const APART: Duration = Duration::from_secs(1);

/// What a thread has waited while it computed that is no sign of others.
const WAITED: Duration = Duration::from_micros(200);

/// Part of the time of a call that is no sign of others either.
const WAITED_PART: u32 = 8;

/// How long a processor is kept from one call to the next: then one call is where the system likes. Who waits for a
/// processor before short calls, not in them, is not seen to.
const KEPT: Duration = Duration::from_millis(500);

const NO_SIGNAL: libc::c_long = 0;

/// Where a thread may run.
#[derive(Debug, Clone, Copy)]
struct Found {
    set: CpuSet,
    /// What to set so that it may again.
    by: CpuSet,
}

impl Found {
    /// Where a thread may run now that nobody has it stay anywhere: this one if none is named.
    fn of(thread: Option<Pid>) -> Option<Found> {
        let set = sched_getaffinity(thread).ok()?;
        let mut every = CpuSet::new();
        (0..CpuSet::MAX_CPU).for_each(|processor| every.set(processor));
        // To name those that are there now would leave the thread without those that are added later.
        let is_free = set.count() > 1
            && sched_setaffinity(thread, &every).is_ok()
            && sched_getaffinity(thread).is_ok_and(|free| free == set);
        if !is_free {
            let _ = sched_setaffinity(thread, &set);
        }
        let by = if is_free { every } else { set };
        Some(Found { set, by })
    }
}

/// A thread of another process, and where it may run.
#[derive(Debug)]
pub(super) struct Peer {
    thread: Pid,
    found: Found,
    stays: Option<usize>,
    /// Its process, unless it is the first thread there: another thread may have its number once it is gone.
    process: Option<Pid>,
}

impl Peer {
    /// The first thread of a process.
    pub(super) fn first_of(process: u32) -> Option<Peer> {
        let thread = i32::try_from(process).ok().and_then(Pid::from_raw)?;
        Some(Peer {
            thread,
            found: Found::of(Some(thread))?,
            stays: None,
            process: None,
        })
    }

    /// The second thread of a process that has two.
    pub(super) fn second_of(process: u32) -> Option<Peer> {
        let mut second = None;
        for thread in std::fs::read_dir(format!("/proc/{process}/task")).ok()? {
            let name = thread.ok()?.file_name();
            let thread = name.to_str()?.parse().ok()?;
            if thread != process && second.replace(thread).is_some() {
                return None;
            }
        }
        let second: u32 = second?;
        let process = i32::try_from(process).ok().and_then(Pid::from_raw);
        Some(Peer {
            process: Some(process?),
            ..Peer::first_of(second)?
        })
    }

    /// Whether it is a thread of its process. Should both numbers be somebody else's by now, which takes that the system
    /// has given out all others since, that one is where this thread is for a moment.
    fn is_there(&self) -> bool {
        self.process.is_none_or(|process| {
            let [process, thread] =
                [process, self.thread].map(|id| libc::c_long::from(id.as_raw_pid()));
            // SAFETY: no signal is sent; it is only said whether one could be.
            let said = unsafe { libc::syscall(libc::SYS_tgkill, process, thread, NO_SIGNAL) };
            said == 0
        })
    }

    fn stay_on(&mut self, processor: usize) -> bool {
        if self.stays != Some(processor)
            && sched_setaffinity(Some(self.thread), &only(processor)).is_ok()
        {
            self.stays = Some(processor);
        }
        self.stays == Some(processor)
    }

    pub(super) fn let_go(&mut self) {
        if self.stays.take().is_some() {
            // It may be gone, and needs nothing then.
            let _ = sched_setaffinity(Some(self.thread), &self.found.by);
        }
    }
}

fn only(processor: usize) -> CpuSet {
    let mut set = CpuSet::new();
    set.set(processor);
    set
}

/// One run's processor, seen from the thread that waits for it. That thread is as it was found when this is dropped.
#[derive(Default)]
pub(super) struct Together {
    /// Where this thread may run by itself, if it has a choice.
    found: OnceCell<Option<Found>>,
    stays: Cell<Option<usize>>,
    /// Since when it stays.
    since: Cell<Option<Instant>>,
    apart_until: Cell<Option<Instant>>,
    this_thread: PhantomData<*const ()>,
}

impl Together {
    /// Has the peer, who is to be awakened and is then waited for, stay with this thread. Whether it does.
    pub(super) fn with(&self, peer: &mut Peer) -> bool {
        let now = Instant::now();
        let found = || Found::of(None).filter(|found| found.set.count() > 1);
        let found = self.found.get_or_init(found);
        let is_alike = found.is_some_and(|found| found.set == peer.found.set);
        let is_apart = self.apart_until.get().is_some_and(|until| now < until);
        let is_long = self.since.get().is_some_and(|since| now - since > KEPT);
        if !is_alike || is_apart || is_long {
            self.let_go();
            peer.let_go();
            return false;
        }
        let here = sched_getcpu();
        let stay = peer.stay_on(here) && self.stay_on(here);
        if !stay {
            self.let_go();
            peer.let_go();
        }
        stay
    }

    /// Awakens a peer on this processor, if this thread stays there: it may go elsewhere at once.
    pub(super) fn awaken<T>(&self, peer: Option<&mut Peer>, awaken: impl FnOnce() -> T) -> T {
        let found = self.found.get().copied().flatten();
        let is_alike = |peer: &&mut Peer| found.is_some_and(|found| found.set == peer.found.set);
        let peer = peer.filter(|_| self.stays.get().is_some());
        let peer = peer.filter(is_alike).filter(|peer| peer.is_there());
        let Some((peer, here)) = peer.zip(self.stays.get()) else {
            return awaken();
        };
        peer.stay_on(here);
        let awakened = awaken();
        peer.let_go();
        awakened
    }

    /// Does something of an embedder's, with this thread as it was found: what it starts runs where it likes.
    pub(super) fn as_found<T>(&self, act: impl FnOnce() -> T) -> T {
        self.free_for(None, act)
    }

    /// Does the same on another processor: here a peer computes who was awakened here.
    pub(super) fn aside<T>(&self, act: impl FnOnce() -> T) -> T {
        self.free_for(self.stays.get(), act)
    }

    /// Should it not be let to where it was afterwards, this thread is where it is until it lets go.
    fn free_for<T>(&self, without: Option<usize>, act: impl FnOnce() -> T) -> T {
        let (Some(here), Some(Some(found))) = (self.stays.get(), self.found.get()) else {
            return act();
        };
        if let Some(processor) = without {
            let mut others = found.set;
            others.unset(processor);
            let _ = sched_setaffinity(None, &others);
        }
        let _ = sched_setaffinity(None, &found.by);
        let done = act();
        let _ = sched_setaffinity(None, &only(here));
        done
    }

    fn stay_on(&self, processor: usize) -> bool {
        let stays = self.stays.get();
        if stays != Some(processor) && sched_setaffinity(None, &only(processor)).is_ok() {
            self.stays.set(Some(processor));
            self.since.set(Some(Instant::now()));
        }
        self.stays.get() == Some(processor)
    }

    /// This thread may run anywhere again.
    pub(super) fn let_go(&self) {
        self.since.set(None);
        if let (Some(_), Some(Some(found))) = (self.stays.take(), self.found.get()) {
            let _ = sched_setaffinity(None, &found.by);
        }
    }

    /// Takes note of how long a call was computed, and how long the processor was had for it.
    pub(super) fn computed(&self, engine: Duration, processor: Duration) {
        let waited = engine.saturating_sub(processor);
        if waited > WAITED && waited > engine / WAITED_PART {
            self.apart_until.set(Some(Instant::now() + APART));
            self.let_go();
        }
    }
}

impl Drop for Together {
    fn drop(&mut self) {
        self.let_go();
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// A process that waits until it is dropped.
    struct Waiting(Child);

    impl Waiting {
        fn new() -> Waiting {
            let mut command = Command::new("cat");
            command.stdin(Stdio::piped()).stdout(Stdio::null());
            Waiting(command.spawn().unwrap())
        }

        fn peer(&self) -> Peer {
            Peer::first_of(self.0.id()).unwrap()
        }

        fn runs_on(&self) -> CpuSet {
            sched_getaffinity(Pid::from_raw(self.0.id().try_into().unwrap())).unwrap()
        }
    }

    impl Drop for Waiting {
        fn drop(&mut self) {
            // It may have ended by itself.
            let _ = self.0.kill();
            self.0.wait().unwrap();
        }
    }

    fn here() -> CpuSet {
        sched_getaffinity(None).unwrap()
    }

    /// Where this thread may run; none on a machine where it has no choice, and nothing is done.
    fn choice() -> Option<CpuSet> {
        let found = here();
        if found.count() > 1 {
            return Some(found);
        }
        let waiting = Waiting::new();
        assert!(!Together::default().with(&mut waiting.peer()));
        println!("skipped: there is one processor");
        None
    }

    #[test]
    fn both_stay_on_one_processor_until_they_are_let_go() {
        let Some(found) = choice() else { return };
        let waiting = Waiting::new();
        let mut peer = waiting.peer();
        let together = Together::default();
        assert!(together.with(&mut peer));
        assert_eq!(here().count(), 1);
        assert_eq!(waiting.runs_on(), here());
        peer.let_go();
        assert_eq!((waiting.runs_on(), here().count()), (found, 1));
        drop(together);
        assert_eq!(here(), found);
    }

    #[test]
    fn who_is_awakened_here_may_go_elsewhere_at_once() {
        let Some(found) = choice() else { return };
        let [computing, waiting] = [Waiting::new(), Waiting::new()];
        let together = Together::default();
        let mut peer = waiting.peer();
        // Nobody stays anywhere yet.
        assert_eq!(
            together.awaken(Some(&mut peer), || waiting.runs_on()),
            found
        );
        assert!(together.with(&mut computing.peer()));
        assert_eq!(
            together.awaken(Some(&mut peer), || waiting.runs_on()),
            here()
        );
        assert_eq!(waiting.runs_on(), found);
    }

    #[test]
    fn what_is_done_aside_is_done_on_other_processors() {
        let Some(found) = choice() else { return };
        let waiting = Waiting::new();
        let together = Together::default();
        together.aside(|| assert_eq!(here(), found));
        assert!(together.with(&mut waiting.peer()));
        let one = here();
        // It may come back later, if nobody computes there; at first it is elsewhere.
        let elsewhere = || together.aside(|| (here(), !one.is_set(sched_getcpu())));
        assert!((0..100).any(|_| elsewhere() == (found, true)));
        assert_eq!(here(), one);
        assert_eq!(together.as_found(here), found);
        assert_eq!(here(), one);
    }

    #[test]
    fn who_was_placed_by_somebody_else_stays_there() {
        let Some(found) = choice() else { return };
        let waiting = Waiting::new();
        let one = only(sched_getcpu());
        let thread = Pid::from_raw(waiting.0.id().try_into().unwrap());
        sched_setaffinity(thread, &one).unwrap();
        let together = Together::default();
        assert!(!together.with(&mut waiting.peer()));
        assert_eq!((waiting.runs_on(), here()), (one, found));
        drop(together);
        // The same of this thread.
        sched_setaffinity(thread, &found).unwrap();
        sched_setaffinity(None, &one).unwrap();
        assert!(!Together::default().with(&mut waiting.peer()));
        assert_eq!((waiting.runs_on(), here()), (found, one));
    }

    #[test]
    fn who_meets_others_does_without_for_a_while() {
        let Some(found) = choice() else { return };
        let waiting = Waiting::new();
        let mut peer = waiting.peer();
        let together = Together::default();
        let ms = Duration::from_millis;
        // It waits a little, or little of what it takes.
        for (engine, processor) in [(ms(10), ms(10)), (ms(40), ms(36)), (ms(1) / 10, ms(0))] {
            assert!(together.with(&mut peer));
            together.computed(engine, processor);
        }
        assert!(together.with(&mut peer));
        together.computed(ms(40), ms(20));
        assert_eq!(here(), found);
        assert!(!together.with(&mut peer));
        assert_eq!((waiting.runs_on(), here()), (found, found));
        std::thread::sleep(APART);
        assert!(together.with(&mut peer));
    }

    #[test]
    fn now_and_then_a_call_is_where_the_system_likes() {
        let Some(found) = choice() else { return };
        let waiting = Waiting::new();
        let mut peer = waiting.peer();
        let together = Together::default();
        assert!(together.with(&mut peer));
        std::thread::sleep(KEPT);
        assert!(!together.with(&mut peer));
        assert_eq!((waiting.runs_on(), here()), (found, found));
        assert!(together.with(&mut peer));
    }

    #[test]
    fn the_second_thread_of_a_process_is_found_and_known_to_be_gone() {
        if choice().is_none() {
            return; // the test that is started would end at once
        }
        // Another of these tests, which takes a while: its process has a first thread and one for the test.
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "--test-threads=2"]);
        command.arg("worker::affinity::tests::who_meets_others_does_without_for_a_while");
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let mut waiting = Waiting(command.spawn().unwrap());
        let process = waiting.0.id();
        let end = Instant::now() + Duration::from_secs(20);
        let peer = loop {
            match Peer::second_of(process) {
                Some(peer) => break peer,
                None => assert!(Instant::now() < end, "it has one thread or many"),
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        assert_ne!(peer.thread.as_raw_nonzero().get().unsigned_abs(), process);
        assert!(peer.is_there());
        let other = Peer {
            process: Pid::from_raw(std::process::id().try_into().unwrap()),
            ..Peer::first_of(process).unwrap()
        };
        assert!(!other.is_there(), "it is there, and another process's");
        assert!(waiting.0.wait().unwrap().success());
        assert!(!peer.is_there());
    }

    #[test]
    fn a_process_has_a_second_thread_or_many() {
        let waiting = Waiting::new();
        assert!(Peer::second_of(waiting.0.id()).is_none());
        assert!(Peer::second_of(u32::MAX).is_none());
        let end = std::sync::Barrier::new(3);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| end.wait());
            }
            assert!(Peer::second_of(std::process::id()).is_none());
            end.wait();
        });
    }
}
