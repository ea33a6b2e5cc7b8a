//! Threads with a name: one beside the caller, or several that do the same work until all have ended.

use std::io;
use std::thread::{self, Builder, JoinHandle};

use crate::error::{Error, Operation};

/// The nice value of a thread that yields to the others.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// The number of processors that this process may use.
#[must_use]
pub fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// A running thread.
#[derive(Debug)]
pub struct Thread(JoinHandle<()>);

impl Thread {
    /// Starts a thread.
    ///
    /// # Errors
    /// The kernel's, when it is out of threads or memory.
    pub fn start(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<Thread> {
        Builder::new().name(name.to_owned()).spawn(run).map(Thread)
    }

    /// Waits until the thread has ended.
    pub fn join(self) {
        // A panic of the thread was already printed.
        let _ = self.0.join();
    }
}

/// Gives this thread a processor only when the threads that serve peers leave it one, as far as the system can: on Linux
/// setpriority(2) sets the nice value of a thread, elsewhere that of the whole process.
pub fn yield_to_others() {
    #[cfg(target_os = "linux")]
    {
        // Without it the thread works too.
        let _ = rustix::process::setpriority_process(None, NICE);
    }
}

/// Runs this on a thread of its own, which ends with it, and waits for its result.
///
/// # Errors
/// When the thread cannot be started.
pub fn aside<T: Send + 'static>(name: &str, run: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let thread = Builder::new().name(name.to_owned()).spawn(run)?;
    thread.join().map_err(|_| io::Error::other("a thread has panicked"))
}

/// Runs `own` on this thread and each of `others` on a thread of its own, until all have ended. When one fails,
/// `stop` is called, which must end the others.
///
/// # Errors
/// The first error. If a thread cannot be started, `own` is not run.
pub fn run_together<F: FnOnce() -> Result<(), Error> + Send>(
    name: &str,
    own: impl FnOnce() -> Result<(), Error>,
    others: impl IntoIterator<Item = F>,
    stop: impl Fn() + Sync,
) -> Result<(), Error> {
    let stop = &stop;
    thread::scope(|scope| {
        let mut threads = Vec::new();
        let mut result = others.into_iter().try_for_each(|run| {
            let run = move || run().inspect_err(|_| stop());
            let thread = Builder::new().name(name.to_owned()).spawn_scoped(scope, run);
            threads.push(thread.map_err(Error::local(Operation::Start, "a thread"))?);
            Ok(())
        });
        if result.is_ok() {
            result = own();
        }
        if result.is_err() {
            stop();
        }
        for thread in threads {
            // A panic of the thread was already printed.
            result = result.and(thread.join().unwrap_or(Ok(())));
        }
        result
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{Condvar, Mutex};
    use std::time::Duration;

    use super::*;

    /// A flag that one thread waits for and another sets.
    #[derive(Default)]
    struct Stop(Mutex<bool>, Condvar);

    impl Stop {
        fn set(&self) {
            *self.0.lock().unwrap() = true;
            self.1.notify_all();
        }

        fn wait(&self) -> Result<(), Error> {
            let limit = Duration::from_secs(60);
            let result = self.1.wait_timeout_while(self.0.lock().unwrap(), limit, |set| !*set).unwrap().1;
            if result.timed_out() { Err(Error::Usage("not stopped".to_owned())) } else { Ok(()) }
        }
    }

    fn fail() -> Result<(), Error> {
        Err(Error::Usage("failed".to_owned()))
    }

    fn text(result: Result<(), Error>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn failed_thread_stops_the_caller() {
        let stop = Stop::default();
        assert_eq!(text(run_together("test", || stop.wait(), [fail], || stop.set())), "failed");
    }

    #[test]
    fn failed_caller_stops_the_threads() {
        let stop = Stop::default();
        let wait = || stop.wait();
        assert_eq!(text(run_together("test", fail, [wait, wait], || stop.set())), "failed");
    }
}
