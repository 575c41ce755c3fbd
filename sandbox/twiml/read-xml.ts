import { XMLParser, XMLValidator } from "fast-xml-parser";
import { TwimlFault } from "./twiml.ts";

export interface XmlElement {
  name: string;
  attributes: ReadonlyMap<string, string>;
  children: readonly (XmlElement | string)[];
}

type RawNode = Record<string, unknown>;

const ENTITIES: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/**
 * Reads one well-formed XML document into its root element. Anything else is error 12100, "Document parse failure":
 * two roots, text beside the root, a document type declaration, an entity that XML does not define.
 */
export function readXml(xml: string): XmlElement {
  const text = xml.startsWith("\uFEFF") ? xml.slice(1) : xml;
  // A document type could define entities that grow without bound; TwiML has none.
  if (/<!DOCTYPE/i.test(text)) throw new TwimlFault(12100, "a document type declaration is not TwiML");
  const verdict = XMLValidator.validate(text);
  if (verdict !== true) throw new TwimlFault(12100, `${verdict.err.msg} (line ${verdict.err.line})`);
  // The validator passes text behind the root element, and the parser drops it.
  if (!text.trimEnd().endsWith(">")) throw new TwimlFault(12100, "text after the root element");
  const roots = parseNodes(text)
    .map(toChild)
    .filter((child) => typeof child !== "string" || child.trim() !== "");
  const [root, ...others] = roots;
  if (root === undefined || typeof root === "string" || others.length > 0) {
    throw new TwimlFault(12100, "not exactly one root element");
  }
  return root;
}

function parseNodes(text: string): RawNode[] {
  const parser = new XMLParser({
    preserveOrder: true,
    ignoreAttributes: false,
    attributeNamePrefix: "",
    parseTagValue: false,
    parseAttributeValue: false,
    trimValues: false,
    processEntities: false,
    ignoreDeclaration: true,
    ignorePiTags: true,
    cdataPropName: "#cdata",
  });
  try {
    return parser.parse(text) as RawNode[];
  } catch (cause) {
    throw new TwimlFault(12100, cause instanceof Error ? cause.message : "unreadable XML");
  }
}

function toChild(node: RawNode): XmlElement | string {
  if ("#text" in node) return decodeEntities(String(node["#text"]));
  const name = Object.keys(node).find((key) => key !== ":@") ?? "";
  const inner = Array.isArray(node[name]) ? (node[name] as RawNode[]) : [];
  if (name === "#cdata") return inner.map((part) => String(part["#text"] ?? "")).join("");
  const attributes = Object.entries((node[":@"] ?? {}) as Record<string, unknown>).map(
    ([key, value]): [string, string] => [key, decodeEntities(String(value))],
  );
  return { name, attributes: new Map(attributes), children: inner.map(toChild) };
}

function decodeEntities(text: string): string {
  return text.replace(/&(#x[0-9a-f]{1,6}|#[0-9]{1,7}|[^;\s&]*);/gi, (whole, name: string) => {
    if (!name.startsWith("#")) {
      const known = Object.hasOwn(ENTITIES, name) ? ENTITIES[name] : undefined;
      if (known === undefined) throw new TwimlFault(12100, `the entity ${whole} is not defined`);
      return known;
    }
    const point = /^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1));
    if (!(point > 0 && point <= 0x10ffff)) throw new TwimlFault(12100, `${whole} is not a character`);
    return String.fromCodePoint(point);
  });
}
