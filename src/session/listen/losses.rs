//! What a pipe lost, and which of it is the result of the run.

use crate::error::Error;
use crate::service::{Clients, PeerId};

/// The losses of a run. A connection has one: that it failed says more than that it was stopped.
#[derive(Debug)]
pub(super) struct Losses {
    clients: Clients,
    /// stdout did not take everything, or the one connection that this run was for failed.
    failure: Option<Error>,
    /// The connection that stdin went to was stopped with bytes unsent.
    stopped: Option<(PeerId, Error)>,
    /// The number of connections that failed, each of which was reported.
    reported: u64,
}

impl Losses {
    pub(super) fn of(clients: Clients) -> Self {
        Losses { clients, failure: None, stopped: None, reported: 0 }
    }

    /// The run is ending, and this connection will not get everything.
    pub(super) fn stopped(&mut self, id: PeerId, error: Error) {
        self.stopped = Some((id, error));
    }

    /// stdout will not get everything.
    pub(super) fn unwritten(&mut self, error: Error) {
        self.failure = Some(error);
    }

    /// This connection failed. The error is returned where it is to be reported now: the run has more connections.
    pub(super) fn failed(&mut self, id: PeerId, error: Error) -> Option<Error> {
        // It had failed when it was stopped.
        self.stopped.take_if(|(stopped, _)| *stopped == id);
        if self.clients == Clients::One {
            self.failure.get_or_insert(error);
            return None;
        }
        self.reported += 1;
        Some(error)
    }

    /// The result of the run: its failure, or the number of connections that lost bytes.
    pub(super) fn outcome(self) -> Result<(), Error> {
        let stopped = self.stopped.map(|(_, error)| error);
        match (self.failure.or(stopped), self.reported) {
            (Some(failure), _) => Err(failure),
            (None, 0) => Ok(()),
            (None, connections) => Err(Error::Incomplete { connections }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::ConnNumber;

    const ONE: PeerId = PeerId::Conn(ConnNumber::new(0));
    const OTHER: PeerId = PeerId::Conn(ConnNumber::new(1));

    fn error(text: &str) -> Error {
        Error::Usage(text.to_owned())
    }

    /// What `steps` leave behind: what is reported at once, and the result.
    fn run(clients: Clients, steps: impl Fn(&mut Losses) -> Vec<Option<Error>>) -> String {
        let mut losses = Losses::of(clients);
        let reports = steps(&mut losses).into_iter().flatten().map(|error| format!("{error}; "));
        let reports: String = reports.collect();
        reports + &losses.outcome().map_or_else(|error| error.to_string(), |()| "done".to_owned())
    }

    /// The first connection is stopped, and this one has failed.
    fn stop_and_fail(failed: PeerId) -> impl Fn(&mut Losses) -> Vec<Option<Error>> {
        move |losses| {
            losses.stopped(ONE, error("stopped"));
            vec![losses.failed(failed, error("reset"))]
        }
    }

    #[test]
    fn connection_that_had_failed_when_it_was_stopped_is_one_loss() {
        assert_eq!(run(Clients::One, stop_and_fail(ONE)), "reset");
        assert_eq!(run(Clients::InTurn, stop_and_fail(ONE)), "reset; 1 connection lost bytes");
    }

    #[test]
    fn result_is_the_stop_unless_stdout_failed() {
        assert_eq!(run(Clients::InTurn, stop_and_fail(OTHER)), "reset; stopped");
        let unwritten = |losses: &mut Losses| {
            losses.stopped(ONE, error("stopped"));
            losses.unwritten(error("unwritten"));
            vec![]
        };
        assert_eq!(run(Clients::InTurn, unwritten), "unwritten");
        assert_eq!(run(Clients::One, |_| vec![]), "done");
    }
}
