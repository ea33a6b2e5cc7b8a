//! Commands that end, fail, are killed, leave processes behind, and write without end.

use super::*;
use crate::io::reactor::run_until;
use crate::io::temporary::TemporaryDir;

const FEW: Keep = Keep::First(1000);

fn start(line: &str, input: Input, stdout: Keep, reactor: &mut Reactor) -> Command {
    let start = Start { line: OsStr::new(line), directory: None, input, stdout, stderr: FEW };
    Command::start(&start, 0, reactor).unwrap()
}

/// Runs it until `enough` is true. It is killed when the test takes too long, and its status is then unexpected.
fn run(command: &mut Command, reactor: &mut Reactor, enough: impl Fn(&Command) -> bool) {
    let deadline = reactor.now() + Duration::from_secs(60);
    reactor.wake_at(Key::Clock, deadline);
    run_until(reactor, |reactor, _, now| {
        command.turn(reactor);
        if now >= deadline {
            command.kill(now);
        }
        (enough(command) || command.status().is_some()).then_some(())
    });
}

fn run_to_end(command: &mut Command, reactor: &mut Reactor) -> Option<CommandEnd> {
    run(command, reactor, |_| false);
    command.status()
}

/// Status, stdout and stderr of a command.
fn result(line: &str) -> (CommandEnd, String, String) {
    let mut reactor = Reactor::new(Duration::ZERO).unwrap();
    let mut command = start(line, Input::Nothing, FEW, &mut reactor);
    let status = run_to_end(&mut command, &mut reactor).unwrap();
    let text = |captured: &mut Captured| String::from_utf8(captured.take()).unwrap();
    (status, text(&mut command.stdout.captured), text(&mut command.stderr.captured))
}

#[test]
fn status_and_output_are_captured() {
    assert_eq!(result("echo out; echo err >&2; exit 3"), (CommandEnd::Exited(3), "out\n".into(), "err\n".into()));
    assert_eq!(result("cat; echo end"), (CommandEnd::Exited(0), "end\n".into(), String::new()));
    assert_eq!(result("kill -TERM $$").0, CommandEnd::Signaled(libc::SIGTERM));
}

#[test]
fn missing_program_is_the_status_of_the_shell() {
    let (status, stdout, stderr) = result("no-such-program-here");
    assert_eq!((status, stdout), (CommandEnd::Exited(127), String::new()));
    assert!(stderr.contains("no-such-program-here"), "{stderr}");
}

#[test]
fn directory_is_its_own_and_the_callers_is_oldpwd() {
    let dir = TemporaryDir::new().unwrap();
    let mut reactor = Reactor::new(Duration::ZERO).unwrap();
    let line = OsStr::new("pwd -P; echo $OLDPWD");
    let start = Start { line, directory: Some(dir.path()), input: Input::Nothing, stdout: FEW, stderr: FEW };
    let mut command = Command::start(&start, 0, &reactor).unwrap();
    run_to_end(&mut command, &mut reactor);
    let shown = |path: &Path| format!("{}\n", path.display());
    let here = std::env::current_dir().unwrap();
    let expected = shown(&dir.path().canonicalize().unwrap()) + &shown(&here);
    assert_eq!(String::from_utf8_lossy(command.stdout().bytes()), expected);
}

#[test]
fn stdin_is_written_and_its_end_is_seen() {
    let mut reactor = Reactor::new(Duration::ZERO).unwrap();
    let mut command = start("read a; echo got $a; cat", Input::Pipe, FEW, &mut reactor);
    assert_eq!(command.write(b"one\n").unwrap(), 4);
    run(&mut command, &mut reactor, |command| command.stdout.captured.bytes() == b"got one\n");
    assert_eq!(command.stdout().take(), b"got one\n");
    command.write(b"two\n").unwrap();
    command.close_input();
    assert_eq!(run_to_end(&mut command, &mut reactor), Some(CommandEnd::Exited(0)));
    assert_eq!((command.stdout().take(), command.stdout().dropped()), (b"two\n".to_vec(), 0));
    assert_eq!(command.write(b"x").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}

#[test]
fn output_above_the_limit_is_read_and_counted() {
    for (keep, kept) in
        [(Keep::First(5), "12345"), (Keep::Last(5), "6789\n"), (Keep::First(0), ""), (Keep::Last(0), "")]
    {
        let mut reactor = Reactor::new(Duration::ZERO).unwrap();
        let line = "echo 123456789; head -c 3000000 /dev/zero | tr '\\0' x >&2; exit 1";
        let mut command = start(line, Input::Nothing, keep, &mut reactor);
        assert_eq!(run_to_end(&mut command, &mut reactor), Some(CommandEnd::Exited(1)));
        assert_eq!(command.stdout().bytes(), kept.as_bytes());
        assert_eq!(command.stdout().dropped(), 10 - kept.len() as u64);
        assert_eq!((command.stderr().bytes().len(), command.stderr().dropped()), (1000, 2_999_000));
    }
}

#[test]
fn endless_output_does_not_block_and_the_group_is_killed() {
    let mut reactor = Reactor::new(Duration::ZERO).unwrap();
    let mut command = start("yes & yes >&2 & echo $!; wait", Input::Nothing, FEW, &mut reactor);
    run(&mut command, &mut reactor, |command| command.stdout.captured.dropped() > 1 << 20);
    command.kill(reactor.now());
    // Both streams ended: no process that had them is left.
    run(&mut command, &mut reactor, |_| false);
    assert_eq!(command.status(), Some(CommandEnd::Signaled(libc::SIGKILL)));
}

#[test]
fn background_process_is_killed_when_the_shell_has_ended() {
    let mut reactor = Reactor::new(Duration::ZERO).unwrap();
    let mut command = start("sleep 1000 & exit 4", Input::Nothing, FEW, &mut reactor);
    assert_eq!(run_to_end(&mut command, &mut reactor), Some(CommandEnd::Exited(4)));
}

#[test]
fn process_outside_the_group_does_not_delay_the_end() {
    let mut reactor = Reactor::new(Duration::ZERO).unwrap();
    let mut command = start("setsid sh -c 'echo $$; exec sleep 1000' & wait", Input::Nothing, FEW, &mut reactor);
    run(&mut command, &mut reactor, |command| command.stdout.captured.bytes().ends_with(b"\n"));
    let left: u32 = String::from_utf8_lossy(command.stdout().bytes()).trim().parse().unwrap();
    command.kill(reactor.now());
    assert_eq!(run_to_end(&mut command, &mut reactor), Some(CommandEnd::Signaled(libc::SIGKILL)));
    sys::kill_group(left);
}

#[test]
fn dropped_command_is_killed() {
    let mut reactor = Reactor::new(Duration::ZERO).unwrap();
    let mut command = start("(sleep 20; echo x) & sleep 20; echo y", Input::Nothing, FEW, &mut reactor);
    assert!(GROUPS.lock().unwrap().contains(&command.id()));
    let (group, pipe) = (command.id(), command.stdout.pipe.take().unwrap());
    drop(command);
    assert!(!GROUPS.lock().unwrap().contains(&group));
    // The stream ends without a byte when no process that has it is left.
    pipe.set_nonblocking(false).unwrap();
    assert_eq!((&pipe).read(&mut [0]).unwrap(), 0);
}
