"""Who people are: links, a proxy and OpenID Connect name them, sessions keep them, roles say what they may do."""
