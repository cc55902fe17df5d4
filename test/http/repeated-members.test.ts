import fc from 'fast-check';
import t from 'tap';
import { isAccountedFor, repeatedInTokens, repeatedMembers } from '../../src/http/repeated-members.ts';

const space = fc.constantFrom('', ' ', '\n', '\t ');
// Few, so that some are repeated; with what looks like JSON itself
const name = fc.oneof(fc.constantFrom('a', 'b', '', '"', '\\', '":"', '{', '__proto__'), fc.string());
const value = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.string({ unit: fc.constantFrom('"', '\\', ':', ',', '{', 'a') }),
);
const spelt = fc.oneof(
  name.map((text) => JSON.stringify(text)),
  // The same text in escapes, which is the same name
  name.map((text) => `"${[...text].map(escaped).join('')}"`),
);
const member = fc
  .tuple(space, spelt, space, space, value, space)
  .map(([before, key, behind, between, each, after]) =>
    [before, key, behind, ':', between, JSON.stringify(each), after].join(''),
  );
const object = fc.array(member, { maxLength: 5 }).map((members) => `{${members.join(',')}}`);

function escaped(character: string): string {
  const units = Array.from({ length: character.length }, (_, index) => character.charCodeAt(index));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}

t.test('what is accounted for has no member twice, whatever the JSON', async (t) => {
  let proven = 0;
  let repeated = 0;
  fc.assert(
    fc.property(object, (text) => {
      const read: object = JSON.parse(text);
      const names = repeatedInTokens(text);
      const isProven = isAccountedFor(text, read);
      if (isProven) proven += 1;
      if (names.length > 0) repeated += 1;
      return !(isProven && names.length > 0) && repeatedMembers(text, read).join() === names.join();
    }),
    { numRuns: 5000 },
  );
  t.ok(proven > 250, `${proven} were proven`);
  t.ok(repeated > 250, `${repeated} had some twice`);
});

t.test('the bodies of clients are proven at a look, however they are spaced', async (t) => {
  const body = { email: 'ada@example.com', password: 'p: {[,', about: null, age: 36 };
  for (const text of [JSON.stringify(body), JSON.stringify(body, null, 2), '{ "a" :1 , "b": true}', '{}'])
    t.ok(isAccountedFor(text, JSON.parse(text)), text);
  for (const text of ['{"a":1,"a":1}', '{"a":"1","a":2}', '{"a":2,"a":"1"}', '{"a":1,"\\u0061":1}'])
    t.notOk(isAccountedFor(text, JSON.parse(text)), text);
});
