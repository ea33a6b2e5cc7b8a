
// The three lanes of the chosen connection, on a canvas.
const LANES = [['writes', 'write'], ['segments', 'segment'], ['reads', 'read']];
const OUTCOMES = {
  acked: 'acknowledged', read: 'read by the peer', record_read: 'record read by the peer', witnessed: 'read, seen by the witness',
  record_witnessed: 'record read, seen by the witness', witnessed_once: 'probably read', not_visible: 'not visible here', abandoned: 'connection ended first',
};

function color(name) { return getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim(); }

function escaped(data) {
  let text = '';
  for (const byte of data) {
    if (byte === 10) text += '\\n'; else if (byte === 13) text += '\\r'; else if (byte === 9) text += '\\t'; else if (byte === 92) text += '\\\\';
    else if (byte >= 32 && byte < 127) text += String.fromCharCode(byte); else text += '\\x' + byte.toString(16).padStart(2, '0');
  }
  return text;
}

function hex(data) { return Array.from(data, (byte) => byte.toString(16).padStart(2, '0')).join(' '); }

function span(nanos) {
  const units = [[1e9, 's'], [1e6, 'ms'], [1e3, 'µs'], [1, 'ns']];
  for (const [size, name] of units) if (nanos >= size) return (nanos / size).toPrecision(3).replace(/\.?0+$/, '') + ' ' + name;
  return '0 s';
}

function words(event) {
  const bytes = (n) => n + (n === 1 ? ' byte' : ' bytes');
  switch (event.kind) {
    case 'write': return 'write of ' + bytes(event.len);
    case 'read': return 'read of ' + bytes(event.len);
    case 'segments': return [event.out && event.out + ' out', event.in && event.in + ' in', event.again && event.again + ' retransmitted'].filter(Boolean).join(', ') + (event.out + event.in === 1 ? ' (segment)' : ' (segments)');
    case 'message': return 'message ' + event.number + (event.dir === 'in' ? ' received' : ' sent') + ', ' + bytes(event.len);
    case 'pause': return 'pause of ' + span(event.nanos);
    case 'barrier': return 'barrier: ' + (OUTCOMES[event.outcome] || event.outcome);
    case 'peer_closed': return 'the peer sends no more (FIN received)';
    case 'own_closed': return 'this side sends no more (FIN sent)';
    case 'open': return 'connection opened';
    case 'close': return event.failed ? 'connection failed' : 'connection closed';
    default: return event.kind;
  }
}

// The lane of an event: 0 writes, 1 segments, 2 reads; null draws a line through all.
function laneOf(event) {
  switch (event.kind) {
    case 'write': case 'pause': case 'barrier': case 'own_closed': return 0;
    case 'segments': return 1;
    case 'read': case 'peer_closed': return 2;
    default: return null;
  }
}

function drawLanes(canvas, axis) {
  const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * ratio)) { canvas.width = Math.round(width * ratio); canvas.height = Math.round(height * ratio); }
  const ctx = canvas.getContext('2d');
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.clearRect(0, 0, width, height);
  const left = 84, top = 26, bottom = height - 18, lane = (bottom - top) / 3;
  const colors = { write: color('write'), segment: color('segment'), read: color('read'), again: color('again'), barrier: color('barrier'), wait: color('wait'), text: color('text'), dim: color('dim'), line: color('line'), paper: color('paper') };
  ctx.font = '13px system-ui, sans-serif'; ctx.textBaseline = 'middle';
  LANES.forEach(([name, tint], number) => {
    const y = top + lane * number;
    ctx.strokeStyle = colors.line; ctx.beginPath(); ctx.moveTo(left, y + lane - 4); ctx.lineTo(width - 8, y + lane - 4); ctx.stroke();
    ctx.fillStyle = colors[tint]; ctx.textAlign = 'left'; ctx.fillText(name, 10, y + lane / 2);
  });
  const all = (model.events.get(model.chosen) || []).filter((event) => event.kind !== 'open');
  const isSteps = axis === 'steps', room = width - left - 16;
  const column = isSteps ? Math.max(26, Math.min(72, room / 16)) : 0;
  const shown = isSteps ? all.slice(-Math.floor(room / column)) : (() => {
    const from = clock() - Number(axis) * 1e9;
    return all.filter((event) => event.t >= from);
  })();
  const x = (event, index) => isSteps ? left + column * (index + 0.5) : left + room * (1 - (clock() - event.t) / (Number(axis) * 1e9));
  const most = Math.max(1, ...shown.filter((event) => event.len).map((event) => Math.log2(event.len + 1)));
  ctx.save(); ctx.beginPath(); ctx.rect(left - 2, 0, width - left, height); ctx.clip();
  shown.forEach((event, index) => drawEvent(ctx, event, { x: x(event, index), column, top, lane, bottom, most, colors, isSteps, isLast: index === shown.length - 1 }));
  ctx.restore();
  ctx.fillStyle = colors.dim; ctx.font = '12px system-ui, sans-serif'; ctx.textAlign = 'left';
  if (isSteps) {
    if (shown.length) {
      ctx.fillText(seconds(shown[0].t), left, height - 8); ctx.textAlign = 'right';
      ctx.fillText(seconds(shown[shown.length - 1].t), left + Math.max(column * shown.length, 160), height - 8);
    }
  } else {
    ctx.fillText('-' + axis + ' s', left, height - 8); ctx.textAlign = 'right'; ctx.fillText('now', width - 16, height - 8);
  }
  return shown;
}

function seconds(t) { return (t / 1e9).toFixed(6) + ' s'; }

function drawEvent(ctx, event, at) {
  const { x, column, top, lane, bottom, most, colors, isSteps } = at, number = laneOf(event);
  const wide = isSteps ? column - 4 : 3;
  if (event.kind === 'message') {
    const tint = event.dir === 'in' ? colors.read : colors.write;
    ctx.strokeStyle = tint; ctx.setLineDash([3, 3]); ctx.beginPath(); ctx.moveTo(x, top); ctx.lineTo(x, bottom); ctx.stroke(); ctx.setLineDash([]);
    ctx.fillStyle = tint; ctx.textAlign = 'center'; ctx.font = '12px system-ui, sans-serif';
    ctx.fillText((event.dir === 'in' ? '▼ ' : '▲ ') + event.number, x, 14);
    return;
  }
  if (number === null) {
    ctx.strokeStyle = event.failed ? colors.again : colors.dim; ctx.lineWidth = 2; ctx.beginPath(); ctx.moveTo(x, top); ctx.lineTo(x, bottom); ctx.stroke(); ctx.lineWidth = 1;
    ctx.fillStyle = ctx.strokeStyle; ctx.textAlign = 'center'; ctx.font = '12px system-ui, sans-serif'; ctx.fillText(event.failed ? 'failed' : 'closed', x, 14);
    return;
  }
  const y = top + lane * number, base = y + lane - 5;
  if (event.kind === 'write' || event.kind === 'read') {
    const tall = Math.max(6, (lane - 26) * Math.log2(event.len + 1) / most);
    ctx.fillStyle = colors[event.kind];
    ctx.fillRect(x - wide / 2, base - tall, wide, tall);
    if (isSteps) {
      ctx.textAlign = 'center'; ctx.font = '12px ui-monospace, "DejaVu Sans Mono", monospace';
      label(ctx, event, x, base - tall - 9, column, colors);
    }
  } else if (event.kind === 'segments') {
    const marks = [['out', -1, colors.write], ['in', 1, colors.read], ['again', 0, colors.again]].filter(([key]) => event[key] > 0);
    marks.forEach(([key, , tint], index) => {
      const width = Math.max(3, wide / marks.length - 2), from = x - wide / 2 + index * (width + 2);
      ctx.fillStyle = tint; ctx.fillRect(from, y + lane / 2 - 6, width, 12);
      if (isSteps) { ctx.fillStyle = colors.dim; ctx.textAlign = 'center'; ctx.font = '11px system-ui, sans-serif'; ctx.fillText(event[key] + (key === 'again' ? '×' : key === 'out' ? ' →' : ' ←'), from + width / 2, y + lane / 2 - 15); }
    });
  } else {
    const tint = event.kind === 'barrier' ? colors.barrier : event.kind === 'pause' ? colors.wait : colors.dim;
    const mark = event.kind === 'barrier' ? (['not_visible', 'abandoned'].includes(event.outcome) ? '◇' : '◆') : event.kind === 'pause' ? '…' : 'FIN';
    ctx.fillStyle = tint; ctx.textAlign = 'center'; ctx.font = (mark === 'FIN' ? '11' : '17') + 'px system-ui, sans-serif'; ctx.fillText(mark, x, base - 12);
  }
}

// The first bytes over a block, as far as they fit; else its length.
function label(ctx, event, x, y, column, colors) {
  const text = event.data ? escaped(event.data) : '', room = column - 2;
  let shown = text;
  while (shown && ctx.measureText(shown).width > room) shown = shown.slice(0, -1);
  if (shown.length < text.length || event.data.length < event.len) shown = shown.length > 2 ? shown.slice(0, -1) + '…' : String(event.len);
  ctx.fillStyle = colors.text;
  ctx.fillText(shown, x, y);
}
