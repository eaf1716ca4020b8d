import { describe, expect, test } from 'vitest'
import { createRandom } from '../../random.ts'
import { kolmogorovTail } from '../../stats/distributions.ts'
import { decide } from '../two-sample/choose.ts'
import { jensenShannonOf } from '../two-sample/divergences.ts'
import { languageOf } from './language.ts'
import { characterNgramTest } from './ngram-test.ts'
import { compareTexts } from './text-drift.ts'
import { characterNgrams, wordsOf } from './tokens.ts'

const sentences = {
  en: [
    'The parcel was left with a neighbour, but they have not told me which one.',
    'I want to change the address for this order, it is not on my account.',
    'You were right that the heating is loud when it is cold.',
  ],
  de: [
    'Das Paket wurde nicht zugestellt und ich habe keine Nachricht erhalten.',
    'Wir möchten die Rechnung mit dem Rabatt, der uns zugesagt wurde.',
    'Es ist nicht klar, ob sie auch am Samstag für uns da sind.',
  ],
  fr: [
    'Le colis est arrivé ouvert et il manque une pièce dans la boîte.',
    'Nous ne savons pas pour quelle raison elle est encore bloquée.',
    'Je voudrais parler avec une personne qui connaît ce dossier.',
  ],
  es: [
    'El pedido llegó tarde y no hay nadie que conteste en la tienda.',
    'Quiero cambiar la dirección de mi cuenta, pero no se puede.',
    'Es una silla muy cómoda para los que trabajan en casa.',
  ],
  it: [
    'Il pacco non è ancora arrivato e nessuno risponde alla mail.',
    'Vorrei sapere come si cambia il colore della lampada che ho comprato.',
    'Questo modello è più piccolo, ma anche più pesante di quello vecchio.',
  ],
  pt: [
    'O pacote não chegou e ninguém responde às mensagens que enviei.',
    'Ele disse que foi pago, mas a conta ainda não mostra isso.',
    'É uma mesa muito bonita, com gavetas que não fecham bem.',
  ],
  nl: [
    'Het pakket is niet aangekomen en er is geen bericht van de winkel.',
    'Ik wil het adres van deze bestelling veranderen, maar dat lukt niet.',
    'De stoel die we kregen heeft een andere kleur dan op de foto.',
  ],
  pl: [
    'Paczka nie dotarła na czas i nikt nie odbiera telefonu.',
    'To jest za małe, ale może być dla dziecka.',
    'Czy mogę zmienić adres, jeśli zamówienie już jest w drodze, i jak to zrobić?',
  ],
  sv: [
    'Paketet har inte kommit och det finns ingen som svarar.',
    'Jag vill ändra adressen på min beställning, men det går inte.',
    'Det är en bra lampa för den som läser på kvällen.',
  ],
  tr: [
    'Paket henüz gelmedi ve bu konuda bir bilgi yok.',
    'Bu ürün çok güzel ama daha büyük bir kutu için yer gerekli.',
    'Her şey için teşekkürler, ne zaman gelirse o zaman olur.',
  ],
  ru: ['Посылка так и не пришла, и никто не отвечает.', 'Я хочу поменять адрес заказа.'],
  uk: ['Посилка ще не прийшла, і її ніхто не бачив.'],
  zh: ['包裹还没有到，也没有人回复我。'],
  ja: ['荷物がまだ届いていません。返事もありません。'],
  ko: ['소포가 아직 오지 않았어요.'],
  el: ['Το δέμα δεν έχει φτάσει ακόμη.'],
  ar: ['لم يصل الطرد بعد.'],
  he: ['החבילה עדיין לא הגיעה.'],
  hi: ['पार्सल अभी तक नहीं आया।'],
  th: ['พัสดุยังไม่มาถึง'],
}

test.each(Object.entries(sentences))('knows sentences of %s', (language, texts) => {
  expect(texts.map(languageOf)).toEqual(texts.map(() => language))
})

test('what cannot be told is unknown', () => {
  for (const text of ['', '   ', '12345 !!', 'ok', 'Setpoint ONNX KServe', 'Tuote saapui myöhässä eikä kukaan vastaa puhelimeen.', 'die'])
    expect(languageOf(text)).toBe('unknown')
})

test('words and character runs', () => {
  expect(wordsOf('Don’t PANIC: 3 straßen, e\u0301te\u0301 東京 ok')).toEqual(['don', 't', 'panic', '3', 'straßen', 'été', '東', '京', 'ok'])
  expect(wordsOf(' …')).toEqual([])
  expect([...characterNgrams('Aba  aba', 3)]).toEqual([
    [' ab', 2],
    ['aba', 2],
    ['ba ', 2],
    ['a a', 1],
  ])
  expect(characterNgrams('  ', 3).size).toBe(0)
  expect([...characterNgrams('🙂', 3)]).toEqual([[' 🙂 ', 1]])
})

const topics = {
  shop: 'order parcel delivery refund address invoice shipping broken return colour size lamp chair table price late'.split(' '),
  bank: 'account transfer loan interest card payment fee balance statement branch credit limit cash deposit rate fraud'.split(' '),
}
const glue = 'the a of and to in is for on with my was not but it this'.split(' ')
/** Texts whose words repeat within a text more than between texts; with `rare`, every tenth word is one of 300 seldom ones. */
function texts(seed: number, count: number, topic: readonly string[], words = 12, rare = false): string[] {
  const random = createRandom(seed)
  return Array.from({ length: count }, () => {
    const own = Array.from({ length: 4 }, () => random.choice(topic))
    const length = words - 3 + random.int(7)
    return Array.from({ length }, () => {
      if (rare && random.bernoulli(0.1)) return `part${random.int(300)}`
      return random.bernoulli(0.5) ? random.choice(glue) : random.choice(own)
    }).join(' ')
  })
}

test('the distance of character runs is that of their counts, when all runs have a cell', () => {
  const [a, b] = [texts(1, 20, topics.shop), texts(2, 20, topics.bank)]
  const countsOf = (some: readonly string[]) => {
    const sum = new Map<string, number>()
    for (const text of some) for (const [gram, count] of characterNgrams(text, 3)) sum.set(gram, (sum.get(gram) ?? 0) + count)
    return sum
  }
  const [first, second] = [countsOf(a), countsOf(b)]
  const grams = [...new Set([...first.keys(), ...second.keys()])]
  expect(grams.length).toBeLessThan(1_000)
  const distance = jensenShannonOf(
    grams.map((gram) => first.get(gram) ?? 0),
    grams.map((gram) => second.get(gram) ?? 0),
  )
  expect((characterNgramTest(a, b) as { statistic: number }).statistic).toBeCloseTo(distance, 12)
})

describe('comparison', () => {
  const reference = texts(1, 300, topics.shop)
  const decided = (current: readonly string[]) => decide(compareTexts(reference, current).measures, { alpha: 0.05 })
  const drifted = (current: readonly string[]) =>
    decided(current)
      .judged.filter(({ verdict }) => verdict === 'drift')
      .map(({ name }) => name)

  test('texts as before show nothing', () => {
    expect(decided(texts(2, 200, topics.shop)).verdict).toBe('stable')
    expect(compareTexts(reference, texts(2, 200, topics.shop)).newWords).toEqual([])
  })

  test('a new topic shows in words and characters, and its words are named [P8-04]', () => {
    const current = [...texts(3, 100, topics.shop), ...texts(4, 100, topics.bank)]
    expect(drifted(current)).toEqual(expect.arrayContaining(['unknown words', 'character runs']))
    const { newWords } = compareTexts(reference, current)
    expect(newWords.length).toBeGreaterThan(8)
    expect(newWords.every(({ word, referenceShare }) => topics.bank.includes(word) && referenceShare === 0)).toBe(true)
    expect(newWords.every(({ adjustedP }) => adjustedP <= 0.01)).toBe(true)
  })

  test('longer texts show in their lengths, another language in languages', () => {
    expect(drifted(texts(5, 200, topics.shop, 25))).toEqual(expect.arrayContaining(['length in characters', 'length in words']))
    const french = [...texts(6, 100, topics.shop), ...Array.from({ length: 100 }, (_, i) => sentences.fr[i % 3]!)]
    expect(drifted(french)).toContain('language')
    const fr = compareTexts(reference, french).languages.find(({ language }) => language === 'fr')
    expect(fr).toMatchObject({ referenceShare: 0, currentShare: 0.5 })
  })

  test('p-values of character runs and unknown words are uniform when nothing changed, whole texts being permuted', () => {
    for (const pValueOf of [
      (seed: number) => characterNgramTest(texts(seed, 40, topics.shop), texts(seed + 0.5, 30, topics.shop), { permutations: 39, seed }),
      (seed: number) =>
        compareTexts(texts(seed, 80, topics.shop, 12, true), texts(seed + 0.5, 40, topics.shop, 12, true), { permutations: 1, seed })
          .measures[2]!.outcome,
    ]) {
      const pValues = Array.from({ length: 200 }, (_, i) => (pValueOf(i) as { pValue: number }).pValue).sort((a, b) => a - b)
      const above = pValues.reduce((worst, p, i) => Math.max(worst, (i + 1) / 200 - p), 0)
      expect(kolmogorovTail(Math.sqrt(200) * Math.max(0, above - 0.025))).toBeGreaterThan(0.01)
      expect(pValues.filter((p) => p > 0.5).length).toBeLessThan(135)
    }
  })

  test('effect of character runs does not grow with the number of texts, and is near 0 without a change', () => {
    const effectOf = (n: number, topic: readonly string[]) =>
      (characterNgramTest(texts(1, n, topics.shop), texts(2, n, topic)) as { effect: { value: number } }).effect.value
    expect(Math.abs(effectOf(60, topics.bank) - effectOf(400, topics.bank))).toBeLessThan(0.05)
    expect(effectOf(400, topics.shop)).toBeLessThan(0.05)
  })

  test('nothing and next to nothing are insufficient, not stable [P8-10]', () => {
    for (const current of [[], ['hello'], new Array<string>(30).fill(' ')]) {
      const { measures } = compareTexts(reference, current)
      expect(measures.find(({ name }) => name === 'character runs')!.outcome).toHaveProperty('insufficient')
      expect(measures.find(({ name }) => name === 'unknown words')!.outcome).toHaveProperty('insufficient')
    }
    expect(compareTexts([], []).newWords).toEqual([])
    expect(decide(compareTexts([], []).measures, { alpha: 0.05 }).verdict).toBe('insufficient_data')
  })
})
