import { type ReactNode, useId } from 'react'

/** A titled box of a page. */
export function Section({
  title,
  aside,
  wide = false,
  children,
}: {
  title: string
  aside?: ReactNode
  wide?: boolean
  children: ReactNode
}) {
  const id = useId()
  return (
    <section className={wide ? 'box wide' : 'box'} aria-labelledby={id}>
      <div className="box-head">
        <h2 id={id}>{title}</h2>
        {aside}
      </div>
      {children}
    </section>
  )
}
