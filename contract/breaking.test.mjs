import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { announcesBreaking, breakingChanges, checkBreaking } from './breaking.mjs';

// Where each change starts from: what was released last plays no part here
const base = fileURLToPath(new URL('../openapi.json', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'gatehouse-contract-'));
after(() => rmSync(folder, { recursive: true }));

function write(name, text) {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** openapi.json after a change. */
function changed(change) {
  const document = JSON.parse(readFileSync(base, 'utf8'));
  const text = JSON.stringify(document);
  const again = change(document, document.components.schemas) ?? document;
  assert.notEqual(JSON.stringify(again), text, 'the change changes something');
  return write('changed.json', JSON.stringify(again));
}

const login = ({ paths }) => paths['/api/v1/auth/login'].post;

const breaking = {
  'a removed path': ({ paths }) => void delete paths['/api/v1/me'],
  'a renamed path': ({ paths }) => {
    paths['/api/v2/me'] = paths['/api/v1/me'];
    delete paths['/api/v1/me'];
  },
  'a removed operation': ({ paths }) => void delete paths['/api/v1/me/sessions/{session_id}'].delete,
  'a renamed operation': (document) => {
    login(document).operationId = 'logIn';
  },
  'another tag, by which some generators name classes': (document) => {
    login(document).tags = ['login'];
  },
  'a renamed component': (document) => JSON.parse(JSON.stringify(document).replaceAll('TokenPair', 'Tokens')),
  'a removed field of a response': (_document, { User }) => {
    delete User.properties.about;
    User.required = User.required.filter((name) => name !== 'about');
  },
  'a field of a response that may be missing now': (_document, { User }) => {
    User.required = User.required.filter((name) => name !== 'about');
  },
  'a field of a response that may be null now': (_document, { User }) => {
    User.properties.name.nullable = true;
  },
  'another type in a response': (_document, { User }) => {
    User.properties.user_id = { type: 'string' };
  },
  'a wider integer in a response': (_document, { TokenPair }) => {
    TokenPair.properties.expires_in.format = 'int64';
  },
  'a new value of another enum in a response': (_document, { NotReady }) =>
    void NotReady.properties.reason.enum.push('tired'),
  'a new error code, and something that breaks clients': (_document, { ErrorCode, User }) => {
    ErrorCode.enum.push('OUT_OF_OFFICE');
    delete User.properties.about;
    User.required = User.required.filter((name) => name !== 'about');
  },
  'a removed error code': (_document, { ErrorCode }) => void ErrorCode.enum.pop(),
  'another success status': (document) => {
    const { responses } = login(document);
    responses[201] = responses[200];
    delete responses[200];
  },
  'a removed header': (document) => void delete login(document).responses[503].headers['retry-after'],
  'a removed field of a request': (_document, { RegisterUserRequest }) =>
    void delete RegisterUserRequest.properties.about,
  'a new required field of a request': (_document, { Credentials }) => {
    Credentials.properties.otp = { type: 'string' };
    Credentials.required.push('otp');
  },
  'a field of a request that is required now': (_document, { CreateUserRequest }) =>
    void CreateUserRequest.required.push('name'),
  'a narrower field of a request': (_document, { Credentials }) => {
    Credentials.properties.email.maxLength = 100;
  },
  'another pattern in a request': (_document, { RegisterUserRequest }) => {
    RegisterUserRequest.properties.name.pattern = '^[a-z]+$';
  },
  'no null in a request any more': (_document, { RegisterUserRequest }) =>
    void delete RegisterUserRequest.properties.about.nullable,
  'another media type of a request': (document) => {
    const { requestBody } = login(document);
    requestBody.content = { 'application/xml': requestBody.content['application/json'] };
  },
  'a token where none was asked for': (document) => {
    login(document).security = [{ accessToken: [] }];
  },
};

const harmless = {
  'a new operation': ({ paths }) => {
    paths['/api/v1/you'] = { get: { ...paths['/api/v1/me'].get, operationId: 'getYou' } };
  },
  'a new field of a response': (_document, { User }) => {
    User.properties.roles = { type: 'array', items: { type: 'string' } };
    User.required.push('roles');
  },
  'a new optional field of a request': (_document, { Credentials }) => {
    Credentials.properties.otp = { type: 'string' };
  },
  'a wider field of a request': (_document, { Credentials }) => {
    Credentials.properties.email.maxLength = 2000;
  },
  'a new error code': (_document, { ErrorCode }) => void ErrorCode.enum.push('OUT_OF_OFFICE'),
  'a new status': (document) => {
    const { responses } = login(document);
    responses[402] = responses[503];
  },
  'other words and examples': (document) => {
    const operation = login(document);
    operation.summary = operation.description = 'Other words';
    operation.requestBody.content['application/json'].example.email = 'else@example.com';
  },
  'another version': ({ info }) => {
    info.version = '9.9.9';
  },
};

const changelog = (unreleased) =>
  write(
    'changelog.md',
    `# Changelog\n\n## Unreleased\n\n${unreleased}\n\n## 0.1.0\n\n### Breaking\n\n- Of old\n`,
  );

for (const [what, change] of Object.entries(breaking)) {
  test(`${what} breaks clients`, () => {
    const current = changed(change);
    assert.equal(checkBreaking(base, current, changelog('### Changed')), 1);
    assert.equal(checkBreaking(base, current, changelog('### Breaking')), 0);
  });
}

for (const [what, change] of Object.entries(harmless)) {
  test(`${what} breaks nobody`, () => assert.equal(breakingChanges(base, changed(change)), undefined));
}

test('what cannot be compared is no pass', () => {
  assert.throws(() => breakingChanges(base, join(folder, 'none.json')), /oasdiff failed/);
  assert.throws(() => breakingChanges(base, write('no.json', '{"openapi":')), /oasdiff failed/);
});

test('only the section on what is unreleased counts', () => {
  assert.equal(announcesBreaking('## Unreleased\n\n## 1.0.0\n\n### Breaking\n'), false);
  assert.equal(announcesBreaking('## Unreleased\n\n### Breaking\n\n- Gone\n'), true);
  assert.throws(() => announcesBreaking('## 1.0.0\n\n### Breaking\n'), /no section/);
});

test('the baseline says what it is', () => {
  const { 'x-baseline': baseline } = JSON.parse(
    readFileSync(new URL('released.json', import.meta.url), 'utf8'),
  );
  assert.match(baseline, /release/);
});
