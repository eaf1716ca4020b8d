/** Names and values side by side, as many as there are; says so when there are none. */
export function Pairs({ pairs, none }: { pairs: readonly (readonly [string, string])[]; none: string }) {
  if (pairs.length === 0) return <p className="dim">{none}</p>
  return (
    <dl className="pairs">
      {pairs.map(([name, value]) => (
        <div key={`${name}/${value}`}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}
