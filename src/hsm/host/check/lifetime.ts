/** When keys are there and when they are gone: with their session, over a new start, without a login. */
import { randomBytes } from 'node:crypto';
import graphene from 'graphene-pk11';
import pkcs11 from 'pkcs11js';
import type { RuleFacts } from '../../check/report.ts';
import { ckrText } from '../ckr.ts';
import { cipherKind } from '../mechanism.ts';
import { find, labelOf } from '../object.ts';
import { generateSecret } from '../secret.ts';
import { attempt, type Bench, checkLabel, objectOf, passing } from './bench.ts';
import { type Found, fail, pass, ruleStep, rulesStep, type Step, untried } from './step.ts';

const sessionRule: RuleFacts = {
  id: 'session-key-dies',
  group: 'boundary',
  title: "a session's key is gone with its session",
  required: true,
  source: 'PKCS#11 2.40 §4.4 and §5.6 (CKA_TOKEN, C_CloseSession)',
};

function session(bench: Bench): Found {
  const { token } = bench;
  const id = randomBytes(16);
  const kept = token.apart((own) => generateSecret(own, cipherKind, { ...passing, id }, token.quirk).handle);
  if (find(token.grapheneSession, { id }).length > 0) return fail('it is still found');
  const used = attempt(bench, (own) => objectOf(bench, own, kept).getAttribute(pkcs11.CKA_LABEL));
  return used.done ? fail('its handle is still good') : pass;
}

const keptRule: RuleFacts = {
  id: 'token-key',
  group: 'function',
  title: 'a key made in the token is found by its id after a new start, and gone once destroyed',
  required: true,
  source: 'PKCS#11 2.40 §4.4 and §5.7 (CKA_TOKEN, C_FindObjects, C_DestroyObject)',
  tokenObject: true,
};

const loginRule: RuleFacts = {
  id: 'private-hidden',
  group: 'boundary',
  title: 'without a login a private key is neither found nor read',
  required: true,
  source: 'PKCS#11 2.40 §4.4 and §5.6 (CKA_PRIVATE, C_Logout)',
  tokenObject: true,
};

const pinRule: RuleFacts = {
  id: 'wrong-pin',
  group: 'boundary',
  title: 'how a wrong PIN is answered',
  required: false,
  source: 'PKCS#11 2.40 §5.6 (C_Login)',
};

/** With one object of the token's, which is destroyed whatever happens; where the process ends, the next check does it. */
function object(bench: Bench): Found[] {
  const { token } = bench;
  const id = randomBytes(16);
  try {
    const { handle } = generateSecret(
      token.grapheneSession,
      cipherKind,
      { label: checkLabel, id, token: true },
      token.quirk,
    );
    const before = find(token.grapheneSession, { id, token: true }).length;
    const hidden = withoutLogin(bench, id, handle);
    token.reopen();
    const after = find(token.grapheneSession, { class: graphene.ObjectClass.SECRET_KEY, id, token: true });
    const [again] = after;
    if (before !== 1 || again === undefined || after.length !== 1 || labelOf(again) !== checkLabel)
      return [fail(`it was found ${before} times, and after a new start ${after.length} times`), hidden];
    again.destroy();
    const left = find(token.grapheneSession, { id, token: true }).length;
    return [left === 0 ? pass : fail('it is still found after it was destroyed'), hidden];
  } catch (error) {
    return [fail(ckrText(error)), untried(ckrText(error))];
  } finally {
    if (token.problem !== undefined) token.reopen();
    for (const left of find(token.grapheneSession, { id, token: true })) left.destroy();
  }
}

function withoutLogin(bench: Bench, id: Buffer, handle: Buffer): Found {
  const { token } = bench;
  const { lib, session } = token;
  try {
    lib.C_Logout(session);
  } catch (error) {
    return untried(`C_Logout: ${ckrText(error)}`);
  }
  const found = find(token.grapheneSession, { id, token: true }).length;
  if (found > 0) return fail('it is found');
  const used = attempt(bench, (own) => objectOf(bench, own, handle).getAttribute(pkcs11.CKA_LABEL));
  return used.done ? fail('its handle is still good') : pass;
}

const userPinFlags = [
  [pkcs11.CKF_USER_PIN_LOCKED, 'locked'],
  [pkcs11.CKF_USER_PIN_FINAL_TRY, 'one try left'],
  [pkcs11.CKF_USER_PIN_COUNT_LOW, 'a wrong one was given since the last login'],
] as const;

export const lifetimeSteps: readonly Step[] = [
  ruleStep(sessionRule, session),
  rulesStep('make a key in the token, log out, start anew, and destroy it', [keptRule, loginRule], object, 8),
  ruleStep(pinRule, ({ token }) => {
    const said = userPinFlags.filter(([flag]) => (token.info.flags & flag) !== 0).map(([, name]) => name);
    const state = said.length === 0 ? '' : ` (the token says of its PIN: ${said.join(', ')})`;
    return { verdict: 'note', detail: `not tried: a token may lock after a few wrong ones${state}` };
  }),
];

/** Destroys what a check that was interrupted left. @returns how many objects */
export function sweep({ token }: Bench): number {
  const left = find(token.grapheneSession, { label: checkLabel, token: true });
  for (const object of left) object.destroy();
  return left.length;
}
