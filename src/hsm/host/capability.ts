/** What the token truly does, found by doing it with keys of a session: mechanism lists lie. */
import type { Capability } from '../../keys/hsm.ts';
import {
  algorithmsOf,
  factsOf,
  isKeySpec,
  type KeySpec,
  type KeyUsage,
  keySpecs,
  usagesOf,
} from '../../keys/spec/key-spec.ts';
import { ckrClass, ckrText } from './ckr.ts';
import { type Kind, kindOf, type Leave } from './mechanism.ts';
import { generatePair } from './pair.ts';
import { type Finding, prove, saysGone } from './proof.ts';
import { publicKeyOf } from './public-key.ts';
import { generateSecret, type Placing } from './secret.ts';
import type { Token } from './token.ts';

const placing: Placing = { label: 'coffer probe', id: Buffer.alloc(16, 0xc0), token: false };

/** Each is asked of the token once, when it is first wanted: RSA takes a second, and few want all. */
export class Capabilities {
  readonly #token: Token;
  readonly #leave: Leave;
  readonly #found = new Map<string, Finding>();

  constructor(token: Token, leave: Leave) {
    this.#token = token;
    this.#leave = leave;
  }

  /** What works with keys of this spec and usage. @throws Failure `unavailable` while the token is lost */
  of(keySpec: KeySpec, keyUsage: KeyUsage): Finding {
    // Generating larger ones takes seconds, and tells no more.
    const probed = factsOf(keySpec).family === 'rsa' ? 'RSA_2048' : keySpec;
    const name = `${probed} ${keyUsage}`;
    const known = this.#found.get(name);
    if (known !== undefined) return known;
    const token = this.#token;
    const finding = token.run(() => this.#ask(probed, keyUsage));
    // What a token says that is gone isn't kept.
    if (finding.vague) token.assertHealthy();
    this.#found.set(name, finding);
    return finding;
  }

  all(): Capability[] {
    const specs = Object.keys(keySpecs).filter(isKeySpec);
    return specs.flatMap((keySpec) =>
      usagesOf(keySpec).map((keyUsage) => {
        const { algorithms, inHost, problem } = this.of(keySpec, keyUsage);
        return { keySpec, keyUsage, algorithms, inHost, ...(problem !== undefined && { problem }) };
      }),
    );
  }

  /** How a key of the spec and usage is made: it may do no more than it must, so that raw RSA is the last resort. */
  kind(keySpec: KeySpec, keyUsage: KeyUsage): Kind {
    const decrypts = factsOf(keySpec).family === 'rsa' && keyUsage === 'ENCRYPT_DECRYPT';
    return kindOf(keySpec, keyUsage, decrypts && this.of(keySpec, keyUsage).inHost.length > 0);
  }

  #ask(keySpec: KeySpec, keyUsage: KeyUsage): Finding {
    const found = this.#try(keySpec, keyUsage, false);
    const decrypts = factsOf(keySpec).family === 'rsa' && keyUsage === 'ENCRYPT_DECRYPT';
    if (
      !decrypts ||
      !this.#leave.hostOaep ||
      found.algorithms.length === algorithmsOf(keySpec, keyUsage).length
    ) {
      return found;
    }
    const raw = this.#try(keySpec, keyUsage, true);
    return raw.algorithms.length > found.algorithms.length ? raw : found;
  }

  /** @param raw whether the host takes padding off */
  #try(keySpec: KeySpec, keyUsage: KeyUsage, raw: boolean): Finding {
    const token = this.#token;
    const kind = kindOf(keySpec, keyUsage, raw);
    return token.apart((session) => {
      const within = { lib: token.lib, session: session.handle, keySpec };
      try {
        if ('secret' in kind) {
          const { handle } = generateSecret(session, kind.secret, placing, token.quirk);
          return prove({ ...within, handle }, keyUsage, undefined, undefined, raw);
        }
        const { privateKey, publicKey } = generatePair(session, kind.pair, placing, token.quirk);
        const { handle } = privateKey;
        const known = publicKeyOf(publicKey, keySpec);
        return prove({ ...within, handle }, keyUsage, known, publicKey.handle, raw);
      } catch (error) {
        if (saysGone(error)) throw error;
        return {
          algorithms: [],
          inHost: [],
          problem: ckrText(error),
          vague: ckrClass(error) === 'ambiguous',
        };
      }
    });
  }
}
