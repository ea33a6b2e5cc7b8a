//! stub
use std::time::Duration;
use super::Plan;
/// x
#[derive(Clone,Copy,Debug)] pub struct Piece { /// x
 pub len: usize, /// x
 pub pause: Option<Duration> }
/// x
#[derive(Debug)] pub struct Cutter;
impl Cutter {
 /// x
 pub fn new(_: &Plan, _: u64) -> Self { Cutter }
 /// x
 pub fn group(&mut self, _: &[usize]) {}
 /// x
 pub fn next_piece(&mut self) -> Option<Piece> { None }
 /// x
 pub fn next_in_stream(&mut self, _: usize) -> Option<Piece> { None }
}
