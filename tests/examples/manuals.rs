//! The examples of the manual pages.

use super::{can_run, read, run};

/// The shell text of the literal blocks (`.EX` to `.EE`) of a manual page.
fn examples(page: &str) -> Vec<String> {
    let blocks = page.split("\n.EX\n").skip(1).map(|rest| rest.split("\n.EE").next().unwrap_or_default());
    blocks.map(|block| format!("{}\n", block.replace("\\-", "-").replace("\\(aq", "'").replace("\\e", "\\"))).collect()
}

#[test]
fn manual_page_examples_work() {
    for page in ["secretcat.1", "secretcat-listen.1", "secretcat-connect.1", "secretcat-sweep.1", "secretcat-trace.5"] {
        let examples = examples(&read(&format!("man/{page}")));
        assert!(!examples.is_empty(), "{page} has no examples");
        for (number, example) in examples.iter().enumerate() {
            let name = format!("{page}-{number}");
            if can_run(&name, example) {
                run(&name, example);
            }
        }
    }
}

#[test]
fn manual_fragmentation_examples_show_the_real_output() {
    let page = read("man/secretcat.1");
    let section = page.split("\n.SH ").find(|section| section.starts_with("FRAGMENTATION")).unwrap_or_default();
    let shown: Vec<String> = examples(section)
        .iter()
        .zip(0..)
        .map(|(example, number)| run(&format!("fragmentation-{number}"), &format!("exec 2>&1\n{example}")))
        .map(|shown| shown.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let [again, relayed, slowly, proven, wrong] = &shown[..] else { panic!("{shown:#?}") };
    assert_eq!(again, "Digits: 42 Count: 2 Digits: 42 Count: 2");
    assert!(relayed.contains("Secret code not found.") && relayed.ends_with("Digits: 42 Count: 2"), "{relayed}");
    // The reply has 22 bytes.
    assert!(slowly.contains(" reads 11 "), "{slowly}");
    assert!(proven.contains(" writes 3 1 segments 3 out, 1 in 1 out, 3 in reads 1 3 "), "{proven}");
    assert!(proven.contains(" barriers 3 confirmed, 0 not - "), "{proven}");
    assert!(wrong.contains("Secret code not found."), "{wrong}");
}

#[test]
fn manual_example_of_the_witness_proves_cuts() {
    let page = read("man/secretcat-witness.1");
    let section = page.split("\n.SH ").find(|section| section.starts_with("EXAMPLES")).unwrap_or_default();
    let [example] = &examples(section)[..] else { panic!("{section}") };
    if can_run("witness", example) {
        let shown = run("witness", example);
        assert!(shown.contains(" same, 0 different, 0 not proven (proof: read, seen by the witness)"), "{shown}");
    }
}
