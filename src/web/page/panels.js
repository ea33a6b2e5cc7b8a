
// The panels beside the lanes. All text of peers is set with textContent.
const byId = (id) => document.getElementById(id);

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function grouped(n) { return Math.round(n).toString().replace(/\B(?=(\d{3})+$)/g, ','); }

function size(n) {
  for (const unit of ['B', 'KiB', 'MiB', 'GiB']) { if (n < 1024 || unit === 'GiB') return (unit === 'B' ? Math.round(n) : n.toFixed(1)) + ' ' + unit; n /= 1024; }
}

function setText(node, text) { if (node.textContent !== text) node.textContent = text; }

function showTotals() {
  const totals = model.totals;
  if (!totals) return;
  const put = (id, text) => setText(byId(id), text);
  put('t-open', grouped(totals.open));
  put('t-opened', grouped(totals.opened) + ' so far' + (totals.failed ? ', ' + grouped(totals.failed) + ' failed' : ''));
  put('t-messages-in', grouped(totals.messagesIn)); put('t-messages-in-rate', grouped(model.rates.messages[0]) + ' / s');
  put('t-messages-out', grouped(totals.messagesOut)); put('t-messages-out-rate', grouped(model.rates.messages[1]) + ' / s');
  put('t-bytes-in', size(totals.in)); put('t-bytes-in-rate', size(model.rates.bytes[0]) + ' / s');
  put('t-bytes-out', size(totals.out)); put('t-bytes-out-rate', size(model.rates.bytes[1]) + ' / s');
  put('t-retransmits', grouped(totals.retransmits)); put('t-barriers', totals.barriers ? grouped(totals.barriers) + ' barriers' : '');
}

function stateOf(row) {
  if (row.closed !== undefined) return row.error === undefined ? ['closed', ''] : ['failed: ' + row.error, 'state-failed'];
  if (row.peer_closed && row.own_closed) return ['both sides closed', ''];
  if (row.peer_closed) return ['peer closed its side', ''];
  if (row.own_closed) return ['this side closed', ''];
  return ['open', 'state-open'];
}

const lines = new Map();

function showConnections() {
  const body = byId('conns').tBodies[0], rows = [...model.rows.values()];
  rows.sort((a, b) => (a.closed !== undefined) - (b.closed !== undefined) || (b.closed || 0) - (a.closed || 0) || a.conn - b.conn);
  for (const [conn, line] of lines) if (!model.rows.has(conn)) { line.remove(); lines.delete(conn); }
  rows.forEach((row, index) => {
    let line = lines.get(row.conn);
    if (!line) {
      line = element('tr');
      for (let cell = 0; cell < 6; cell += 1) line.append(element('td', '', cell === 1 ? 'peer' : cell > 2 ? 'n' : ''));
      line.tabIndex = 0; line.dataset.conn = row.conn;
      lines.set(row.conn, line);
    }
    const [state, className] = stateOf(row), cells = line.cells;
    setText(cells[0], String(row.conn));
    setText(cells[1], (row.side === 'listen' ? 'from ' : 'to ') + row.peer + (row.for === undefined ? '' : ' (for ' + row.for + ')'));
    cells[1].title = row.peer + ', here ' + row.local;
    setText(cells[2], state); cells[2].className = className;
    setText(cells[3], grouped(row.in.messages) + ' / ' + grouped(row.out.messages));
    setText(cells[4], size(row.in.bytes) + ' / ' + size(row.out.bytes));
    setText(cells[5], size(row.rate[0]) + '/s / ' + size(row.rate[1]) + '/s');
    line.classList.toggle('closed', row.closed !== undefined);
    line.setAttribute('aria-selected', String(row.conn === model.chosen));
    if (body.rows[index] !== line) body.insertBefore(line, body.rows[index] || null);
  });
  byId('no-conns').hidden = rows.length > 0;
  setText(byId('others'), model.others ? 'and ' + grouped(model.others) + ' more, which are only counted' : '');
}

// Bytes as a text node, with the escapes marked.
function bytesOf(event) {
  const node = element('span', undefined, 'bytes');
  if (byId('form').value === 'hex') node.textContent = hex(event.data);
  else {
    for (const part of escaped(event.data).split(/(\\(?:x..|.))/)) if (part) node.append(/^\\/.test(part) ? element('i', part) : document.createTextNode(part));
  }
  if (event.data.length < event.len) node.append(element('span', ' … ' + grouped(event.len) + ' bytes', 'dim'));
  return node;
}

function showMessages() {
  const list = byId('messages'), only = byId('only').checked;
  const shown = model.messages.filter((event) => !only || event.conn === model.chosen).slice(-100).reverse();
  list.replaceChildren(...shown.map((event) => {
    const item = element('li');
    item.append(element('time', (event.t / 1e9).toFixed(3) + ' s'), element('span', '#' + event.conn),
      element('span', event.dir === 'in' ? '▼ in' : '▲ out', 'dir ' + event.dir), bytesOf(event));
    item.setAttribute('aria-label', 'connection ' + event.conn + ', ' + words(event) + ': ' + escaped(event.data));
    return item;
  }));
  byId('no-messages').hidden = shown.length > 0;
}

function showEvents() {
  const events = (model.events.get(model.chosen) || []).slice(-100).reverse();
  byId('events').replaceChildren(...events.map((event) => {
    const item = element('li'), lane = ['write', 'read', 'segments'].includes(event.kind) ? (event.kind === 'read' ? 'in' : event.kind === 'write' ? 'out' : 'dim') : '';
    const what = element('span', words(event));
    if (event.data && event.kind !== 'message') { what.append(document.createTextNode(' at ' + event.offset + '  ')); what.append(bytesOf(event)); }
    item.append(element('time', seconds(event.t)), element('span', event.kind.replace('_', ' '), lane), what);
    return item;
  }));
}

function showRooms() {
  const rooms = model.rooms;
  byId('rooms').hidden = !rooms;
  if (!rooms) return;
  byId('room-list').replaceChildren(...(rooms.length ? rooms : [{ name: 'no room yet', members: '' }]).map((room) => {
    const item = element('li', room.name);
    if (room.members !== '') { item.append(element('b', String(room.members))); item.setAttribute('aria-label', room.name + ', ' + room.members + (room.members === 1 ? ' member' : ' members')); }
    return item;
  }));
}

const MARKS = { s: 'same', d: 'different', u: 'not proven', x: 'to be repeated', n: 'not tried yet' };

function glyph(byte) {
  return byte === 10 ? '\\n' : byte === 13 ? '\\r' : byte === 9 ? '\\t' : byte === 32 ? '·' : byte > 32 && byte < 127 ? String.fromCharCode(byte) : byte.toString(16).padStart(2, '0');
}

function showSweep() {
  const sweep = model.sweep;
  byId('sweep').hidden = !sweep;
  if (!sweep) return;
  const progress = byId('sweep-progress');
  progress.max = Math.max(1, sweep.of); progress.value = sweep.done;
  setText(byId('sweep-line'), sweep.result || grouped(sweep.done) + ' of ' + grouped(sweep.of) + ' plans: ' + grouped(sweep.same) + ' same, ' + grouped(sweep.different) + ' different, ' +
    grouped(sweep.not_proven) + ' not proven' + (sweep.suspects ? ', ' + grouped(sweep.suspects) + ' to be repeated' : ''));
  byId('map').replaceChildren(...sweep.parts.map((part) => {
    const box = element('div', undefined, 'part'), head = element('h3', part.name + ' '), cells = element('div', undefined, 'cells');
    const bytes = part.bytes === null ? null : decode(part.bytes), marks = new Map();
    for (const [from, to, mark] of part.marks) for (let offset = from; offset <= to; offset += 1) marks.set(offset, mark);
    const most = Math.min(part.length, 2048), counts = {};
    for (let offset = 0; offset < most; offset += 1) {
      const mark = offset === 0 ? '' : marks.get(offset) || 'n', cell = element('i', bytes && offset < bytes.length ? glyph(bytes[offset]) : '', 'cell ' + mark);
      if (mark) { counts[mark] = (counts[mark] || 0) + 1; cell.title = 'cut before byte ' + offset + ': ' + MARKS[mark]; }
      cells.append(cell);
    }
    const summary = Object.keys(counts).map((mark) => counts[mark] + ' ' + MARKS[mark]).join(', ');
    head.append(element('span', grouped(part.length) + ' bytes: ' + summary + (part.length > most ? '; the rest is not drawn' : '')));
    cells.setAttribute('role', 'img'); cells.setAttribute('aria-label', 'Offsets of ' + part.name + ': ' + summary);
    box.append(head, cells);
    return box;
  }));
  byId('findings').replaceChildren(...sweep.findings.map((finding) => element('pre', finding)));
}
