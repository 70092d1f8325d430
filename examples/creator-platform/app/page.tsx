import Link from 'next/link'
import { posts, priceText } from '@/lib/posts'

export default function Front() {
  return (
    <>
      <h1>Letters from the workshop</h1>
      <ul className="posts">
        {posts.map(({ id, title, teaser, price }) => (
          <li key={id}>
            <Link href={`/post/${id}`}>
              <h2>{title}</h2>
              <p>{teaser}</p>
              <span>{priceText(price)}</span>
            </Link>
          </li>
        ))}
      </ul>
    </>
  )
}
