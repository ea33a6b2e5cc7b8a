//! What a browser or Prometheus is answered: requests in, responses out, without sockets.

mod live;
mod metrics;
mod page;
mod request;
mod response;
mod secret;
mod site;

pub use live::{Live, PartView, RoomView, SweepView, Update};
pub use metrics::{Counters, Totals};
pub use page::{Start, ended};
pub use request::{LONGEST_HEAD, Request};
pub use response::{Response, Status};
pub use secret::Secret;
pub use site::{Answer, Door, Hosts, Site};
