/** Named in the document, and so in each client under the same names; operations are functions there. */
const types = [
  'User',
  'TokenPair',
  'ErrorResponse',
  'ErrorCode',
  'FieldError',
  'Credentials',
  'RegisterUserRequest',
];
const operations = ['registerUser', 'login', 'getMe', 'refreshToken', 'logout', 'listSessions', 'endSession'];

/** What generators call a type that has no name in the document, or whose name is taken. */
const anonymous = [
  /\b[Dd]ef[-_]?\d+\b/,
  /\bInline\w*/,
  /\b\w*[1-5]\d\dResponse\w*/,
  /\b(?:Anonymous|Unnamed)\w*/,
  /\b(?:Any|Body|Model|Object|Schema|Type)_?\d+\b/,
  new RegExp(`\\b(?:${types.join('|')})_?\\d+\\b`),
];

/**
 * Throws when generated code does not call things by the document's names, or has names that say nothing.
 *
 * @param {string} text all that was generated
 * @param {{ type: (name: string) => RegExp, operation: (name: string) => RegExp }} declaration how the language and
 *   the generator declare what the document calls `User` or `registerUser`
 */
export function checkNames(text, declaration) {
  const missing = [
    ...types.filter((name) => !declaration.type(name).test(text)),
    ...operations.filter((name) => !declaration.operation(name).test(text)),
  ];
  const meaningless = anonymous.flatMap((pattern) => pattern.exec(text)?.[0] ?? []);
  const faults = [
    ...missing.map((name) => `nothing is called ${name}`),
    ...meaningless.map((name) => `there is a name that says nothing: ${name}`),
  ];
  if (faults.length > 0) throw new Error(`generated names: ${faults.join(', ')}`);
}
