import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { parse } from 'yaml';
import { settingsSchema } from '../../src/config/schema.ts';
import { errorCatalogue } from '../../src/errors.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const guide = read('docs/operations.md');

interface Alert {
  alert: string;
  labels: { severity: string };
  annotations: { runbook: string };
}
// The reader says what it expects to find; promtool checks the file in deploy/check
const { groups } = parse(read('deploy/prometheus/alerts.yaml')) as { groups: { rules: Alert[] }[] };
const alerts = groups.flatMap(({ rules }) => rules);

/** As GitHub makes them of headings. */
const anchors = (text: string) =>
  [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );

t.test('each alert has its section, and each such section its alert', async (t) => {
  const sections = new Map(
    guide
      .split(/^##+ /m)
      .map((section) => section.split(/\n([\s\S]*)/))
      .filter(([heading]) => heading?.startsWith('Gatehouse'))
      .map(([heading = '', text = '']) => [heading, text.trim()]),
  );
  t.ok(alerts.length > 10);
  t.strictSame(
    [...sections.keys()],
    alerts.map(({ alert }) => alert),
  );
  for (const { alert, labels, annotations } of alerts) {
    t.equal(annotations.runbook, `docs/operations.md#${alert.toLowerCase()}`);
    const says = sections.get(alert) ?? '';
    t.ok(says.length > 100, `${alert}: what it means and what to do`);
    t.equal(says.startsWith('Critical. '), labels.severity === 'critical', alert);
  }
});

t.test('every setting and error code that it names is there', async (t) => {
  const known = [...Object.keys(settingsSchema.properties), ...Object.keys(errorCatalogue)];
  const named = [...guide.matchAll(/`([A-Z]+(?:_[A-Z]+)+)`/g)].map(([, name = '']) => name);
  t.ok(named.length > 20);
  for (const name of named) t.ok(known.includes(name), name);
});

t.test('the defaults in its table are those of the schema', async (t) => {
  const rows = [...guide.matchAll(/^\| `([A-Z_]+)` \| (\S*) ?\|/gm)];
  t.ok(rows.length >= 10);
  for (const [, name = '', value] of rows) {
    const { default: given } = settingsSchema.properties[name as keyof typeof settingsSchema.properties];
    // What depends on NODE_ENV has no default in the schema
    const expected = name === 'SHUTDOWN_DELAY_MS' ? 5000 : given;
    t.equal(value, String(expected ?? ''), name);
  }
});

t.test('the links of all pages lead somewhere', async (t) => {
  const docs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name));
  const others = ['README.md', 'CHANGELOG.md', 'bench/README.md', 'clients/typescript/README.md'];
  t.ok(docs.length > 20);
  for (const page of [...others, ...docs]) {
    const links = [...read(page).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)];
    for (const [, path = '', anchor] of links) {
      const target = path === '' ? page : join(dirname(page), path);
      t.ok(existsSync(join(root, target)), `${page}: ${path}`);
      if (anchor !== undefined) t.ok(anchors(read(target)).includes(anchor), `${page}: ${path}#${anchor}`);
    }
  }
});
