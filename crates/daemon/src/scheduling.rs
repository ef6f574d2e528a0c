//! How the kernel shares out cores among the threads of a program that computes and answers at once.
//!
//! A thread that wakes up usually takes the core from the one that runs there. Where all cores compute, each answer
//! that goes out and each request that comes in then interrupts a computation, several times a tile, and a switch costs
//! as much as reading a request does. So threads that hand over work while other work still waits become patient: they
//! let the one that runs finish its slice, a few milliseconds at most, unless a core is idle. Not for longer than it
//! lasts, since they also let other programs finish theirs. Callers: who hands over work, and the hook of the runtime
//! for a thread that goes to sleep.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

/// How long a thread stays patient.
const LASTS: Duration = Duration::from_millis(100);

thread_local! {
    /// When the calling thread last had a reason to be patient.
    static PATIENT_SINCE: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Makes the calling thread patient for a while: all cores compute, and more work waits.
pub fn be_patient() {
    if PATIENT_SINCE.replace(Some(Instant::now())).is_none() {
        policy::change(policy::USUAL, policy::PATIENT);
    }
}

/// Ends the calling thread's patience if it had no reason for a while.
pub fn end_patience() {
    if PATIENT_SINCE.get().is_some_and(|since| since.elapsed() >= LASTS) {
        PATIENT_SINCE.set(None);
        policy::change(policy::PATIENT, policy::USUAL);
    }
}

#[cfg(target_os = "linux")]
mod policy {
    pub(super) const USUAL: libc::c_int = libc::SCHED_OTHER;
    pub(super) const PATIENT: libc::c_int = libc::SCHED_BATCH;

    /// Changes the calling thread's policy, unless somebody gave it another one. Where the system does not allow it,
    /// all stays as it is, which is slower and right. Shares and priorities stay as they are.
    #[allow(unsafe_code, reason = "of the libraries, the ones that set a policy set a priority with it")]
    pub(super) fn change(from: libc::c_int, to: libc::c_int) {
        let parameters = libc::sched_param { sched_priority: 0 };
        // SAFETY: 0 names the calling thread; the kernel reads the parameters, which live until it returns.
        unsafe {
            if libc::sched_getscheduler(0) == from {
                libc::sched_setscheduler(0, to, &raw const parameters);
            }
        }
    }
}

/// Other systems have no such policies.
#[cfg(not(target_os = "linux"))]
mod policy {
    pub(super) const USUAL: () = ();
    pub(super) const PATIENT: () = ();

    pub(super) fn change((): (), (): ()) {}
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::thread;

    use procfs::{FromRead, process::Stat};

    use super::*;

    /// The policy of the calling thread.
    fn policy() -> Option<u32> {
        Stat::from_file("/proc/thread-self/stat").ok()?.policy
    }

    /// Runs on a thread of its own, whose policy nobody else sees.
    fn alone(test: impl FnOnce() + Send + 'static) {
        thread::spawn(test).join().expect("the test holds");
    }

    const USUAL: Option<u32> = Some(policy::USUAL as u32);
    const PATIENT: Option<u32> = Some(policy::PATIENT as u32);

    #[test]
    fn patience_ends_some_time_after_its_last_reason() {
        alone(|| {
            policy::change(policy::PATIENT, policy::USUAL);
            be_patient();
            assert_eq!(policy(), PATIENT);
            end_patience();
            assert_eq!(policy(), PATIENT, "it has only begun");
            PATIENT_SINCE.set(Instant::now().checked_sub(LASTS));
            be_patient();
            end_patience();
            assert_eq!(policy(), PATIENT, "there was another reason");
            PATIENT_SINCE.set(Instant::now().checked_sub(LASTS));
            end_patience();
            assert_eq!(policy(), USUAL);
            end_patience();
            assert_eq!(policy(), USUAL, "it had ended before");
        });
    }

    #[test]
    fn a_policy_that_somebody_gave_stays() {
        alone(|| {
            policy::change(policy::USUAL, libc::SCHED_IDLE);
            be_patient();
            assert_eq!(policy(), Some(libc::SCHED_IDLE as u32));
            PATIENT_SINCE.set(Instant::now().checked_sub(LASTS));
            end_patience();
            assert_eq!(policy(), Some(libc::SCHED_IDLE as u32));
        });
    }
}
