import { bars } from './bars.mjs';
import { nameCode } from './machine.mjs';

const width = 760;
const labelRight = 250;
const barRight = 560;
const step = 22;

/**
 * The picture of the README: what a request costs, what a storm does, how long a start takes and what memory is held, each beside what it is
 * compared with or its bar. Only what was measured is in it. Readable on a light and on a dark page.
 *
 * @param {{ figures: object[], machine: object, commit: string, isDirty: boolean }} result
 * @returns {string} SVG
 */
export function chart({ figures, machine, ...code }) {
  const of = (id) => figures.find((figure) => figure.id === id);
  const panels = [
    costPanel('GET /api/v1/me', 'me', of),
    costPanel('Refresh', 'refresh', of),
    loginPanel('native', of),
    loginPanel('bcryptjs', of),
    panel('p99 of /api/v1/me, ms, native engine', [
      row('no logins', of('storm.native.calm'), 'other'),
      row('logins at four times capacity', of('storm.native.me'), 'own', allowed('storm.native.me')),
    ]),
    panel('Cold start to ready, s', [row('with an external database', of('start'), 'own', allowed('start'))]),
    panel('Resident memory, MB', [
      row('idle', of('memory.idle'), 'own', allowed('memory.idle')),
      row(named(of('memory.after')), of('memory.after'), 'own', allowed('memory.after')),
    ]),
  ].filter(({ rows }) => rows.length > 0);

  let y = 24;
  const drawn = panels.map((each) => {
    const lines = drawPanel(each, y);
    y += (each.rows.length + 1) * step + 14;
    return lines;
  });
  const { cores, cpu, node, postgres } = machine;
  const footer = [
    `${cores} cores, ${shortened(cpu)}; Node ${node}, Postgres ${postgres}, commit ${nameCode(code)}.`,
    'The thin line is from the least to the most of the rounds.',
  ];
  const height = y + 40;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="13" role="img">
<title>What Gatehouse costs, beside what it is built of</title>
<style>
.page { fill: #ffffff } .text { fill: #1f2328 } .faint { fill: #59636e } .own { fill: #1a7f5a } .other { fill: #9aa4af } .range { stroke: #1f2328 }
@media (prefers-color-scheme: dark) {
.page { fill: #0d1117 } .text { fill: #e6edf3 } .faint { fill: #9198a1 } .own { fill: #3fb98a } .other { fill: #59636e } .range { stroke: #e6edf3 }
}
</style>
<rect class="page" width="${width}" height="${height}"/>
${drawn.join('\n')}
${footer.map((line, index) => text(16, height - 28 + 16 * index, line, 'faint', 'start', ' font-size="11"')).join('\n')}
</svg>
`;
}

// Without what the title says
const named = (figure) => figure?.label.replace('resident memory, ', '');

const shortened = (name) => (name.length > 36 ? `${name.slice(0, 35)}…` : name);

const panel = (title, rows) => ({ title, rows: rows.filter((each) => each !== undefined) });

const row = (label, figure, kind, remark = '') => figure && { label, figure, kind, remark };

/** What the bar of a figure says. */
function allowed(id) {
  const { sign, limit } = bars.find(({ figure }) => figure === id);
  return `${sign} ${limit}`;
}

function costPanel(title, name, of) {
  const ratio = of(`ratio.${name}.floor`);
  return panel(`${title}: CPU per request, µs`, [
    row('a bare Fastify route', of(`cost.${name}.bare`), 'other'),
    row('Fastify, jwt and pg, same SQL', of(`cost.${name}.floor`), 'other'),
    row('Gatehouse', of(`cost.${name}.gatehouse`), 'own', ratio && `${ratio.median.toFixed(2)} ×`),
  ]);
}

function loginPanel(engine, of) {
  const share = of(`storm.${engine}.share`);
  return panel(`Logins per second, ${engine} engine`, [
    row('a bare hash loop', of(`storm.${engine}.bare`), 'other'),
    row('Gatehouse', of(`storm.${engine}.logins`), 'own', share && `${share.median.toFixed(0)} %`),
  ]);
}

function drawPanel({ title, rows }, top) {
  const most = Math.max(...rows.map(({ figure }) => figure.max));
  const x = (value) => labelRight + 8 + (value / most) * (barRight - labelRight);
  const lines = rows.map(({ label, figure, kind, remark }, index) => {
    const y = top + (index + 1) * step;
    const { median, min, max } = figure;
    const from = x(0);
    return [
      text(labelRight, y, label, 'text', 'end'),
      `<rect class="${kind}" x="${from}" y="${y - 12}" width="${(x(median) - from).toFixed(1)}" height="15" rx="2"/>`,
      `<path class="range" d="M${x(min).toFixed(1)} ${y - 4.5}H${x(max).toFixed(1)}"/>`,
      text(x(max) + 8, y, [digits(median), remark].filter(Boolean).join('  ·  '), 'text'),
    ].join('');
  });
  return [text(16, top, title, 'text', 'start', ' font-weight="600"'), ...lines].join('\n');
}

const digits = (value) =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);

function text(x, y, content, kind, anchor = 'start', more = '') {
  return `<text class="${kind}" x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}"${more}>${escaped(content)}</text>`;
}

const escaped = (content) => content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
