//! Chooses cells so that every pair of values of two columns is in at least one.

use std::collections::HashSet;

use crate::cell::Cell;

/// Two values of different columns.
type Pair = [(usize, usize); 2];

/// The pairs of values that a cell has.
fn pairs(cell: Cell) -> impl Iterator<Item = Pair> {
    let values: Vec<(usize, usize)> = cell.values().into_iter().enumerate().collect();
    let count = values.len();
    let order = (0..count).flat_map(move |first| (first + 1..count).map(move |second| (first, second)));
    order.map(move |(first, second)| [values[first], values[second]])
}

/// Repeatedly takes the first cell with the largest number of new pairs, until there are none.
pub fn covering(cells: &[Cell]) -> Vec<Cell> {
    let mut missing: HashSet<Pair> = cells.iter().copied().flat_map(pairs).collect();
    let mut chosen = Vec::new();
    while !missing.is_empty() {
        let fresh = |cell: &&Cell| pairs(**cell).filter(|pair| missing.contains(pair)).count();
        // max_by_key takes the last of equals.
        let Some(best) = cells.iter().rev().max_by_key(fresh) else { break };
        for pair in pairs(*best) {
            missing.remove(&pair);
        }
        chosen.push(*best);
    }
    chosen
}

#[test]
fn every_pair_of_values_is_in_a_chosen_cell() {
    let cells: Vec<Cell> = Cell::all().filter(|cell| cell.left_out().is_none()).collect();
    let chosen = covering(&cells);
    let covered: HashSet<Pair> = chosen.iter().copied().flat_map(pairs).collect();
    assert!(cells.iter().copied().flat_map(pairs).all(|pair| covered.contains(&pair)));
    assert!((40..=80).contains(&chosen.len()), "{} of {} cells", chosen.len(), cells.len());
    assert_eq!(chosen, covering(&cells));
}
