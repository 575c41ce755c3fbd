import type { Redis } from "ioredis";

type Payload = Record<string, unknown> & { grantId?: string; userCode?: string; uid?: string };

/** Models whose instances are revoked with their grant. */
const grantable = new Set([
  "AccessToken",
  "AuthorizationCode",
  "RefreshToken",
  "DeviceCode",
  "BackchannelAuthenticationRequest",
]);

/**
 * The storage contract of oidc-provider on Redis with as few round trips as it allows: one write, read or pipeline a
 * call. Consumable models are hashes, so that consuming one is a single field; the rest are strings.
 */
export class RedisAdapter {
  readonly #redis: Redis;
  readonly #model: string;

  constructor(redis: Redis, model: string) {
    this.#redis = redis;
    this.#model = model;
  }

  async upsert(id: string, payload: Payload, expiresIn: number): Promise<void> {
    const pipeline = this.#redis.pipeline();
    pipeline.hset(this.#key(id), "payload", JSON.stringify(payload));
    if (expiresIn) pipeline.expire(this.#key(id), expiresIn);
    if (grantable.has(this.#model) && payload.grantId) {
      const members = this.#grant(payload.grantId);
      pipeline.rpush(members, this.#key(id));
      pipeline.expire(members, expiresIn || 3600);
    }
    if (payload.uid) pipeline.set(`peer:uid:${payload.uid}`, id, "EX", expiresIn || 3600);
    if (payload.userCode) pipeline.set(`peer:userCode:${payload.userCode}`, id, "EX", expiresIn || 3600);
    await pipeline.exec();
  }

  async find(id: string): Promise<Payload | undefined> {
    const [payload, consumed] = await this.#redis.hmget(this.#key(id), "payload", "consumed");
    if (!payload) return undefined;
    return { ...(JSON.parse(payload) as Payload), ...(consumed ? { consumed: Number(consumed) } : {}) };
  }

  async findByUid(uid: string): Promise<Payload | undefined> {
    const id = await this.#redis.get(`peer:uid:${uid}`);
    return id ? this.find(id) : undefined;
  }

  async findByUserCode(userCode: string): Promise<Payload | undefined> {
    const id = await this.#redis.get(`peer:userCode:${userCode}`);
    return id ? this.find(id) : undefined;
  }

  async consume(id: string): Promise<void> {
    await this.#redis.hset(this.#key(id), "consumed", Math.floor(Date.now() / 1000));
  }

  async destroy(id: string): Promise<void> {
    await this.#redis.del(this.#key(id));
  }

  async revokeByGrantId(grantId: string): Promise<void> {
    const members = await this.#redis.lrange(this.#grant(grantId), 0, -1);
    await this.#redis.del(this.#grant(grantId), ...members);
  }

  #key(id: string): string {
    return `peer:${this.#model}:${id}`;
  }

  #grant(grantId: string): string {
    return `peer:grant:${grantId}`;
  }
}
