import type { ModelDescription } from '../../../src/contract/artifacts.ts'

type Signature = NonNullable<ModelDescription['signature']>
type Field = Signature['inputs'][number]

/** What a model takes and gives. */
export function SignatureTable({ signature }: { signature: Signature }) {
  const { inputs, outputs, parameters } = signature
  return (
    <div className="table-box">
      <table className="compact">
        <thead>
          <tr>
            <th>Takes and gives</th>
            <th>Name</th>
            <th>Type</th>
            <th>Shape</th>
          </tr>
        </thead>
        <tbody>
          {inputs.map((field, i) => (
            <FieldRow key={`input/${field.name ?? i}`} kind="input" field={field} />
          ))}
          {outputs.map((field, i) => (
            <FieldRow key={`output/${field.name ?? i}`} kind="output" field={field} />
          ))}
          {parameters.map(({ name, type, shape, default: usual }) => (
            <tr key={`parameter/${name}`}>
              <td className="dim">parameter</td>
              <td>{name}</td>
              <td>
                {type} <span className="dim">{JSON.stringify(usual)} unless given</span>
              </td>
              <td className="dim">{shapeText(shape)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function FieldRow({ kind, field }: { kind: string; field: Field }) {
  return (
    <tr>
      <td className="dim">{kind}</td>
      <td>{field.name ?? <span className="dim">unnamed</span>}</td>
      <td>
        {field.type}
        {field.elementType && ` of ${field.elementType}`} {!field.required && <span className="dim">optional</span>}
      </td>
      <td className="dim">{shapeText(field.shape)}</td>
    </tr>
  )
}

/** A shape such as `any × 30`. */
export function shapeText(shape: readonly number[] | null): string {
  return shape === null ? '' : shape.map((length) => (length < 0 ? 'any' : length)).join(' × ')
}
