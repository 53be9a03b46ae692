import type { Hsm } from '../keys/hsm.ts';
import type { Metrics } from '../metrics/registry.ts';

/** The same token tier, with the time of each call of the hot path measured. */
export function observeToken(hsm: Hsm, metrics: Metrics): Hsm {
  const timed =
    <Args extends unknown[], T>(call: (...args: Args) => Promise<T>) =>
    async (...args: Args): Promise<T> => {
      const begun = performance.now();
      try {
        return await call(...args);
      } finally {
        metrics.tokenCall((performance.now() - begun) / 1000);
      }
    };
  return {
    generateKey: timed((material, keySpec, keyUsage) => hsm.generateKey(material, keySpec, keyUsage)),
    publicKey: timed((material) => hsm.publicKey(material)),
    sign: timed((material, algorithm, data) => hsm.sign(material, algorithm, data)),
    mac: timed((material, algorithm, message) => hsm.mac(material, algorithm, message)),
    rsaDecrypt: timed((material, algorithm, ciphertext) => hsm.rsaDecrypt(material, algorithm, ciphertext)),
    deriveSharedSecret: timed((material, publicKey) => hsm.deriveSharedSecret(material, publicKey)),
    generateDataKeyPair: timed((material, context, pairSpec) =>
      hsm.generateDataKeyPair(material, context, pairSpec),
    ),
    generateDataKeyPairWithoutPlaintext: timed((material, context, pairSpec) =>
      hsm.generateDataKeyPairWithoutPlaintext(material, context, pairSpec),
    ),
    capabilities: () => hsm.capabilities(),
    createWrappingKey: (id, spec, algorithm, keySpec, keyUsage) =>
      hsm.createWrappingKey(id, spec, algorithm, keySpec, keyUsage),
    destroyWrappingKey: (id) => hsm.destroyWrappingKey(id),
    importKey: timed((imported) => hsm.importKey(imported)),
    destroyKey: timed((material) => hsm.destroyKey(material)),
    encrypt: timed((material, context, plaintext) => hsm.encrypt(material, context, plaintext)),
    decrypt: timed((blob, context) => hsm.decrypt(blob, context)),
    reEncrypt: timed((blob, from, destination, to) => hsm.reEncrypt(blob, from, destination, to)),
    generateDataKey: timed((material, context, length) => hsm.generateDataKey(material, context, length)),
    generateDataKeyWithoutPlaintext: timed((material, context, length) =>
      hsm.generateDataKeyWithoutPlaintext(material, context, length),
    ),
    random: timed((length) => hsm.random(length)),
    trailMac: timed((data) => hsm.trailMac(data)),
    trailSign: (data) => hsm.trailSign(data),
    trailPublicKey: () => hsm.trailPublicKey(),
    createAccessKeySecret: (aad) => hsm.createAccessKeySecret(aad),
    deriveSigningKey: (aad, sealed, date, region, service) =>
      hsm.deriveSigningKey(aad, sealed, date, region, service),
    async checkHealth() {
      const health = await hsm.checkHealth();
      for (const { index, restarts } of health.hosts) metrics.hostRestarts(index, restarts);
      return health;
    },
    identity: () => hsm.identity(),
    claim: (storeId) => hsm.claim(storeId),
    destroyShells: () => hsm.destroyShells(),
    listObjects: () => hsm.listObjects(),
    close: () => hsm.close(),
  };
}
