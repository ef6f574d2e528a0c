/**
 * Texts in the interface's language. `Translator` fills in and counts; static parts of the page are bound once
 * and follow a switch of language without being built again. Lists that change draw themselves anew instead.
 */
import type { Language } from "../state/settings";
import { en, type MessageKey, type Messages } from "./en";
import { ptBr } from "./pt-br";

export type { MessageKey } from "./en";

const TABLES: Record<Language, Messages> = { en, "pt-BR": ptBr };

/** Keys that come as a pair `….one` and `….other`, without that ending. */
export type CountedKey = MessageKey extends infer K ? (K extends `${infer Stem}.one` ? Stem : never) : never;

type Values = Record<string, string | number>;

/** One language's voice. */
export class Translator {
  private readonly plural: Intl.PluralRules;

  constructor(readonly language: Language) {
    this.plural = new Intl.PluralRules(language);
  }

  /** The text of a key, `{name}` filled in from `values`. */
  text(key: MessageKey, values: Values = {}): string {
    return TABLES[this.language][key].replace(/\{(\w+)\}/g, (hole, name) => String(values[name] ?? hole));
  }

  /** The text for `n` things, in the form the language wants; `{n}` is the number. */
  count(key: CountedKey, n: number): string {
    // Portuguese has a third form, for millions, which these lists never reach.
    const form = this.plural.select(n) === "one" ? "one" : "other";
    return this.text(`${key}.${form}`, { n: new Intl.NumberFormat(this.language).format(n) });
  }
}

type Binding = (translator: Translator) => void;

/** The page's fixed texts. Bindings live as long as the page, so only its frame may bind. */
export class StaticTexts {
  private readonly bindings: Binding[] = [];

  constructor(private translator: Translator) {}

  /** Keeps an element's text. */
  text<E extends Node>(element: E, key: MessageKey): E {
    return this.bind(element, (t) => {
      element.textContent = t.text(key);
    });
  }

  /** Keeps an attribute, `aria-label` and the like. */
  attribute<E extends Element>(element: E, name: string, key: MessageKey): E {
    return this.bind(element, (t) => element.setAttribute(name, t.text(key)));
  }

  /** Keeps an icon button's accessible name and its tooltip the same. */
  name<E extends Element>(element: E, key: MessageKey): E {
    return this.attribute(this.attribute(element, "aria-label", key), "title", key);
  }

  /** Writes every bound text in another language. */
  use(translator: Translator): void {
    this.translator = translator;
    for (const binding of this.bindings) binding(translator);
  }

  private bind<E>(element: E, binding: Binding): E {
    this.bindings.push(binding);
    binding(this.translator);
    return element;
  }
}
