/** The names that the outermost object is given more than once, of text that JSON.parse has made this object of. */
export function repeatedMembers(text: string, object: object): string[] {
  return isAccountedFor(text, object) ? [] : repeatedInTokens(text);
}

/**
 * Whether every name and every text in the JSON is in the object, which proves that no member was dropped for another. Each
 * takes two quotation marks, and the object needs two for each member and two more for each that is a text: when there are no
 * more, there was nothing else. Other JSON, with objects in the object or escaped quotation marks, is looked at in full.
 */
export function isAccountedFor(text: string, object: object): boolean {
  let expected = 0;
  for (const value of Object.values(object)) expected += typeof value === 'string' ? 4 : 2;
  let found = 0;
  for (let at = text.indexOf('"'); at !== -1; at = text.indexOf('"', at + 1)) found += 1;
  return found === expected;
}

// In text that JSON.parse has accepted, these are all the tokens that decide where a member of the outermost object
// begins: strings, a colon behind one, and brackets.
const tokens = /"(?:[^"\\]|\\.)*"|[{}[\]:]/g;

export function repeatedInTokens(text: string): string[] {
  const seen = new Map<string, number>();
  let depth = 0;
  let string = '';
  for (const [token] of text.matchAll(tokens)) {
    if (token === '{' || token === '[') depth++;
    else if (token === '}' || token === ']') depth--;
    else if (token !== ':') string = token;
    else if (depth === 1) {
      const name: string = JSON.parse(string);
      seen.set(name, (seen.get(name) ?? 0) + 1);
    }
  }
  return [...seen].filter(([, times]) => times > 1).map(([name]) => name);
}
