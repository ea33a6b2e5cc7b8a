//! What a browser or Prometheus is answered: requests in, responses out, without sockets.

mod metrics;
mod request;
mod response;
mod secret;
mod site;

pub use metrics::{Counters, Totals};
pub use request::{LONGEST_HEAD, Request};
pub use response::{Response, Status};
pub use secret::Secret;
pub use site::{Answer, Hosts, Site};
