
// The connection to secretcat, the controls, and the drawing.
let source = null, state = 'wait', ended = false, lastId = null;

function show(kind, text) { state = kind; const pill = byId('state'); pill.className = 'pill ' + kind; setText(pill, text); }

function notice(text) { const node = byId('notice'); node.hidden = !text; setText(node, text); }

function connect() {
  source = new EventSource('events');
  source.addEventListener('start', (message) => {
    const start = JSON.parse(message.data);
    const wasElse = lastId !== null && lastId.split('-')[0] !== message.lastEventId.split('-')[0];
    setText(byId('command'), start.command.replace(/^\S*\//, ''));
    document.title = byId('command').textContent || 'secretcat';
    setText(byId('since'), 'secretcat ' + start.version + ', since ' + start.time + '.');
    model.fresh = true; ended = false;
    model.viewer = start.viewer; model.sent = null;
    if (start.restarted || wasElse) { setPaused(false); notice('secretcat was restarted: this is another run, which began at ' + start.time + '.'); }
    else if (start.missed) notice(grouped(start.missed) + ' events were missed: the connection to the page was lost, or the browser was too slow.');
    lastId = message.lastEventId;
    show('live', model.paused ? 'paused' : 'live');
  });
  source.addEventListener('update', (message) => {
    const update = JSON.parse(message.data);
    lastId = message.lastEventId;
    update.fresh = model.fresh; model.fresh = false;
    receive(update);
  });
  source.addEventListener('end', () => {
    ended = true; source.close();
    setPaused(false);
    show('off', 'ended'); notice('The run has ended. The page keeps what it had.');
    setTimeout(retry, 2000);
  });
  source.onerror = () => {
    if (ended) return;
    show('wait', 'reconnecting');
    // The browser connects again by itself, unless it was refused.
    if (source.readyState === EventSource.CLOSED) setTimeout(retry, 2000);
  };
}

// Looks whether there is a run again. After a restart, the cookie of this page is not known any more.
async function retry() {
  let status = 0;
  try { status = (await fetch('events', { method: 'HEAD', cache: 'no-store' })).status; } catch { /* nobody listens */ }
  if (status === 200) { source.close(); connect(); return; }
  if (status === 403) { show('off', 'restarted'); notice('secretcat was restarted: open the new link that it has printed. This page then goes on.'); }
  else if (status === 503) { show('off', 'full'); notice('As many browsers show this page as may: close one of them.'); }
  else if (!ended) { show('off', 'disconnected'); notice('secretcat does not answer: it has ended, or is not reachable. Trying again.'); }
  setTimeout(retry, 2000);
}

// Updates have all events of the chosen connection; of the others only as many as one can look at.
function sendChoice() {
  if (model.viewer === null || model.chosen === null || model.sent === model.chosen) return;
  model.sent = model.chosen;
  fetch('choose?viewer=' + model.viewer + '&conn=' + model.chosen, { cache: 'no-store' }).catch(() => { /* the next start sends it */ });
}

function toggle() { setPaused(!model.paused); if (state === 'live') show('live', model.paused ? 'paused' : 'live'); }

// After a click with the mouse, the keys are for the page again, not for the button.
function button(id, act) { byId(id).addEventListener('click', (event) => { act(); if (event.detail > 0) event.currentTarget.blur(); }); }

button('pause', toggle);
button('step', step);
byId('form').addEventListener('change', () => model.changed.add('all'));
byId('only').addEventListener('change', () => model.changed.add('all'));
byId('axis').addEventListener('change', () => model.changed.add('all'));
byId('skip').addEventListener('click', () => byId('messages-section').focus());
byId('conns').addEventListener('click', (event) => { const line = event.target.closest('tbody tr'); if (line) choose(Number(line.dataset.conn)); });

function chooseNext(by) {
  const order = [...byId('conns').tBodies[0].rows].map((line) => Number(line.dataset.conn)), at = order.indexOf(model.chosen);
  const next = order[Math.max(0, Math.min(order.length - 1, at + by))];
  if (next !== undefined) { choose(next); lines.get(next).scrollIntoView({ block: 'nearest' }); }
}

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || ['SELECT', 'INPUT'].includes(event.target.tagName)) return;
  const keys = {
    ' ': event.target.tagName === 'BUTTON' ? null : toggle, ArrowRight: step, ArrowUp: () => chooseNext(-1), ArrowDown: () => chooseNext(1),
    h: () => { byId('form').value = byId('form').value === 'hex' ? 'text' : 'hex'; model.changed.add('all'); },
    Enter: () => { const line = event.target.closest('tbody tr'); if (line) choose(Number(line.dataset.conn)); else return true; },
  };
  const act = keys[event.key];
  if (act && act() !== true) event.preventDefault();
});

function draw() {
  sendChoice();
  const changed = model.changed, all = changed.has('all'), has = (name) => all || changed.has(name);
  const axis = byId('axis').value;
  if (has('events') || has('state') || axis !== 'steps') {
    const shown = drawLanes(byId('lanes'), axis), row = model.rows.get(model.chosen);
    setText(byId('chosen'), row ? 'connection ' + row.conn + (row.side === 'listen' ? ' from ' : ' to ') + row.peer : '');
    const last = shown[shown.length - 1];
    const text = last ? 'Latest: ' + words(last) + ' at ' + seconds(last.t) + '.' : row ? 'No event of this connection since the page was opened.' : 'No event yet.';
    setText(byId('lanes-text'), text);
    byId('lanes').setAttribute('aria-label', 'Writes, segments and reads of ' + (row ? 'connection ' + row.conn : 'no connection') + ': ' + shown.length + ' events');
  }
  if (has('state')) { showTotals(); showConnections(); showRooms(); }
  if (has('messages')) showMessages();
  if (has('state')) setText(byId('no-messages'), model.totals && model.totals.in ? 'No message: reads and writes are under Events.' : 'No message yet.');
  if (has('events')) showEvents();
  if (has('sweep')) showSweep();
  const pause = byId('pause');
  setText(pause, model.paused ? 'Resume' : 'Pause'); pause.setAttribute('aria-pressed', String(model.paused));
  byId('step').disabled = !model.paused || (model.waiting.length === 0 && !model.latest);
  setText(byId('waiting'), model.paused ? grouped(model.waiting.length) + (model.waiting.length === 1 ? ' event waits' : ' events wait') : '');
  const chosen = model.rows.get(model.chosen), left = chosen && chosen.left_out ? ', ' + grouped(chosen.left_out) + ' of them of this connection' : '';
  setText(byId('missed'), model.missed ? grouped(model.missed) + ' events not shown' + left : '');
  changed.clear();
}

// Drawing follows the screen, at most 20 times a second.
let drawn = 0;
setInterval(endRates, 1000);
function frame(time) {
  if (time - drawn > 50 && (model.changed.size || byId('axis').value !== 'steps')) { drawn = time; draw(); }
  requestAnimationFrame(frame);
}
window.addEventListener('resize', () => model.changed.add('all'));
window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => model.changed.add('all'));
connect();
draw();
requestAnimationFrame(frame);
