import type { XmlElement } from "./read-xml.ts";
import type { HttpMethod, TwimlWarning } from "./twiml.ts";

/** Reads one element's attributes; whatever is unknown or out of range is a 12200 warning, and the default holds. */
export class AttributeReader {
  readonly #element: XmlElement;
  readonly #warnings: TwimlWarning[];

  constructor(element: XmlElement, known: readonly string[], warnings: TwimlWarning[]) {
    this.#element = element;
    this.#warnings = warnings;
    for (const name of element.attributes.keys()) {
      if (!known.includes(name)) this.#warn(`attribute '${name}' is not allowed in element '${element.name}'`);
    }
  }

  text(name: string): string | undefined {
    return this.#element.attributes.get(name);
  }

  integer(name: string, min: number, fallback: number): number {
    return this.optionalInteger(name, min) ?? fallback;
  }

  optionalInteger(name: string, min: number): number | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    // Six digits are 11 days in seconds; more is a mistake.
    if (/^\d{1,6}$/.test(value) && Number(value) >= min) return Number(value);
    return this.#refuse(name, value);
  }

  oneOf<T extends string>(name: string, allowed: readonly T[], fallback: T): T {
    const value = this.text(name);
    if (value === undefined) return fallback;
    return allowed.find((item) => item === value) ?? this.#refuse(name, value) ?? fallback;
  }

  method(): HttpMethod {
    return this.oneOf<HttpMethod>("method", ["GET", "POST"], "POST");
  }

  #refuse(name: string, value: string): undefined {
    this.#warn(`'${value.slice(0, 40)}' is not a valid ${name} of element '${this.#element.name}'`);
    return undefined;
  }

  #warn(message: string): void {
    this.#warnings.push({ code: 12200, message });
  }
}
