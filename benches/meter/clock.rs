//! The clock that executions are timed by. Knows nothing of what is timed.

use std::mem::MaybeUninit;
use std::time::Duration;

/// The processor time that this thread has taken so far: other work on the machine moves it much less
/// than it moves the time on the wall.
pub fn cpu_time() -> Duration {
    let mut time = MaybeUninit::<libc::timespec>::uninit();
    // SAFETY: the pointer is valid for the one value that the call writes.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, time.as_mut_ptr()) };
    assert_eq!(status, 0, "every thread has this clock");
    // SAFETY: a call that succeeds has written it.
    let time = unsafe { time.assume_init() };
    Duration::new(
        time.tv_sec.try_into().expect("not below zero"),
        time.tv_nsec.try_into().expect("below a second"),
    )
}
