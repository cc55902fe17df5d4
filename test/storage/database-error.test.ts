import t from 'tap';
import { errorCode, isUnavailable } from '../../src/storage/database-error.ts';

const withCode = (code: unknown) => Object.assign(new Error('x'), { code });

t.test('isUnavailable: the same statement may succeed a moment later', async (t) => {
  for (const code of [
    '08006',
    '28P01',
    '3D000',
    '53300',
    '57014',
    '58030',
    '25006',
    '55P03',
    '40001',
    '40P01',
  ])
    t.equal(isUnavailable(withCode(code)), true, code);
  for (const code of [
    'ECONNREFUSED',
    'ECONNRESET',
    'EPIPE',
    'ETIMEDOUT',
    'ENETDOWN',
    'ENOTFOUND',
    'EAI_AGAIN',
    'ERR_STREAM_DESTROYED',
  ])
    t.equal(isUnavailable(withCode(code)), true, code);
  for (const message of [
    'Connection terminated unexpectedly',
    'Query read timeout',
    'There was an error establishing an SSL connection',
  ])
    t.equal(isUnavailable(new Error(message)), true, message);
  // localhost that resolves to IPv4 and IPv6 gives one error for each, in an AggregateError
  t.equal(isUnavailable(new AggregateError([withCode('ECONNREFUSED')])), true);

  for (const code of ['23505', '42P01', '22P02', 'ERR_INVALID_ARG_TYPE', 'ENOENT', 'ABC57', 57])
    t.equal(isUnavailable(withCode(code)), false, String(code));
  for (const other of [null, undefined, 'ECONNREFUSED', new Error('x'), new AggregateError([])])
    t.equal(isUnavailable(other), false, String(other));
});

t.test('errorCode is the code of whatever is thrown, if it has one', async (t) => {
  t.equal(errorCode(withCode('23505')), '23505');
  for (const other of [null, undefined, '23505', {}, withCode(23505)]) t.equal(errorCode(other), undefined);
});
