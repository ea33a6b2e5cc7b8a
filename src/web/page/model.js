
'use strict';
// The state of the page: connections, messages and events as they are shown. While it is paused, updates wait here.
const LIMIT = { events: 600, messages: 300, waiting: 5000 };
const model = {
  rows: new Map(), events: new Map(), messages: [], keys: new Set(), totals: null, rates: null, others: 0,
  rooms: null, sweep: null, chosen: null, followed: true, now: 0, received: 0, paused: false,
  waiting: [], missed: 0, latest: null, last: null, changed: new Set(), viewer: null, sent: null,
};

function decode(base64) {
  const text = atob(base64 || '');
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

// Rates over the last two seconds, from the counts of updates.
function rate(of, t) {
  of.samples = (of.samples || []).filter((sample) => t - sample[0] < 2.5e9);
  of.samples.push([t, of.in, of.out]);
  const first = of.samples[0], span = (t - first[0]) / 1e9;
  return span > 0.2 ? [(of.in - first[1]) / span, (of.out - first[2]) / span] : [0, 0];
}

function applyRow(row, t) {
  const before = model.rows.get(row.conn);
  const flow = { in: row.in.bytes, out: row.out.bytes, samples: before ? before.flow.samples : [] };
  row.flow = flow;
  row.rate = row.closed === undefined ? rate(flow, t) : [0, 0];
  model.rows.set(row.conn, row);
  if (model.chosen === null || (model.followed && !before && row.closed === undefined && !isOpen(model.chosen))) choose(row.conn, true);
}

// Without traffic there are no updates: rates that are older than their time are 0.
function endRates() {
  const t = clock(), isOld = (of) => of.rate.some((value) => value > 0) && t - of.flow.samples.at(-1)[0] > 2.5e9;
  for (const row of model.rows.values()) if (isOld(row)) { row.rate = [0, 0]; model.changed.add('state'); }
  for (const name of model.totalFlow ? ['bytes', 'messages'] : []) {
    if (isOld({ rate: model.rates[name], flow: model.totalFlow[name] })) { model.rates[name] = [0, 0]; model.changed.add('state'); }
  }
}

function isOpen(conn) {
  const row = model.rows.get(conn);
  return row !== undefined && row.closed === undefined;
}

function choose(conn, byItself) {
  model.chosen = conn;
  if (!byItself) model.followed = false;
  model.changed.add('all');
}

function applyEvent(event) {
  event.data = event.bytes === undefined ? null : decode(event.bytes);
  if (event.kind === 'message') {
    const key = event.conn + '/' + event.dir + '/' + event.number;
    if (model.keys.has(key)) return;
    model.keys.add(key);
    model.messages.push(event);
    if (model.messages.length > LIMIT.messages) {
      const old = model.messages.shift();
      model.keys.delete(old.conn + '/' + old.dir + '/' + old.number);
    }
    model.changed.add('messages');
  }
  let list = model.events.get(event.conn);
  if (!list) model.events.set(event.conn, list = []);
  list.push(event);
  if (list.length > LIMIT.events) list.splice(0, list.length - LIMIT.events);
  if (event.conn === model.chosen) model.changed.add('events');
}

function reset() {
  model.rows.clear(); model.events.clear(); model.keys.clear();
  model.messages = []; model.waiting = []; model.rooms = null; model.sweep = null; model.totals = null;
  model.totalFlow = null; model.latest = null;
}

// What an update says beside its events.
function applyState(update) {
  model.now = update.t; model.received = performance.now();
  if (update.reset && update.fresh) reset();
  for (const row of update.rows) applyRow(row, update.t);
  for (const conn of update.gone) { model.rows.delete(conn); model.events.delete(conn); }
  if (!model.rows.has(model.chosen) && model.rows.size > 0) choose(Math.max(...model.rows.keys()), true);
  const sides = [update.totals.connect, update.totals.listen];
  const sum = (of) => of(sides[0]) + of(sides[1]);
  const total = {
    opened: sum((side) => side.opened), open: sum((side) => side.states.reduce((a, b) => a + b, 0)),
    failed: sum((side) => side.failed), messagesIn: sum((side) => side.messages.in), messagesOut: sum((side) => side.messages.out),
    in: sum((side) => side.bytes.in), out: sum((side) => side.bytes.out), retransmits: sum((side) => side.retransmits),
    barriers: sum((side) => side.barriers.reduce((a, b) => a + b, 0)),
  };
  const flow = model.totalFlow || (model.totalFlow = { bytes: {}, messages: {} });
  Object.assign(flow.bytes, { in: total.in, out: total.out });
  Object.assign(flow.messages, { in: total.messagesIn, out: total.messagesOut });
  model.rates = { bytes: rate(flow.bytes, update.t), messages: rate(flow.messages, update.t) };
  model.totals = total;
  model.others = update.others;
  if (update.rooms !== undefined) model.rooms = update.rooms;
  if (update.sweep !== undefined) { model.sweep = update.sweep; model.changed.add('sweep'); }
  model.missed += update.left_out;
  model.changed.add('state');
}

// While paused, events wait to be stepped through, and the latest state waits for them.
function receive(update) {
  if (!model.paused || update.reset) {
    applyState(update);
    if (update.reset) update.events.forEach(applyEvent); else drain(update.events);
    return;
  }
  for (const event of update.events) model.waiting.push(event);
  if (model.waiting.length > LIMIT.waiting) {
    model.missed += model.waiting.length - LIMIT.waiting;
    model.waiting.splice(0, model.waiting.length - LIMIT.waiting);
  }
  // Rows that an earlier update had are kept, unless this one has them too.
  if (model.latest) {
    const has = new Set(update.rows.map((row) => row.conn));
    update.rows = model.latest.rows.filter((row) => !has.has(row.conn)).concat(update.rows);
    update.gone = model.latest.gone.concat(update.gone);
    update.left_out += model.latest.left_out;
    if (update.rooms === undefined) update.rooms = model.latest.rooms;
    if (update.sweep === undefined) update.sweep = model.latest.sweep;
  }
  model.latest = update;
  model.changed.add('waiting');
}

function drain(events) {
  for (const event of events) applyEvent(event);
}

function step() {
  if (!model.paused) return;
  const event = model.waiting.shift();
  if (event) {
    if (event.conn !== model.chosen && model.followed) choose(event.conn, true);
    applyEvent(event);
    model.now = Math.max(model.now, event.t);
    model.last = event;
  }
  if (model.waiting.length === 0 && model.latest) { const latest = model.latest; model.latest = null; applyState(latest); }
  model.changed.add('all');
}

function setPaused(paused) {
  if (paused === model.paused) return;
  if (!paused) {
    drain(model.waiting.splice(0));
    if (model.latest) { const latest = model.latest; model.latest = null; applyState(latest); }
  } else {
    model.now = clock();
  }
  model.paused = paused;
  model.changed.add('all');
}

// The time of the run now, in nanoseconds.
function clock() {
  return model.paused || model.received === 0 ? model.now : model.now + (performance.now() - model.received) * 1e6;
}
