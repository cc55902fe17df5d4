import t from 'tap';
import { errorCode, isRefusal } from '../../bench/refusals.mjs';

t.test('a refusal says that it is too busy, and when to come back', async (t) => {
  const refusal = { status: 503, code: 'OVERLOADED', retryAfter: '1' };
  t.ok(isRefusal(refusal));
  t.ok(isRefusal({ ...refusal, code: 'PASSWORD_HASHING_BUSY', retryAfter: '30' }));
  t.notOk(isRefusal({ ...refusal, code: 'DATABASE_UNAVAILABLE' }));
  t.notOk(isRefusal({ ...refusal, code: undefined }));
  t.notOk(isRefusal({ ...refusal, status: 429 }));
  for (const retryAfter of [undefined, null, '', '0', 'soon']) t.notOk(isRefusal({ ...refusal, retryAfter }));
});

t.test('its code is read from the envelope', async (t) => {
  t.equal(errorCode('{"detail":"Too busy","error_code":"OVERLOADED"}'), 'OVERLOADED');
  t.equal(errorCode('<html>'), undefined);
});
