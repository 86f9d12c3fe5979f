"""Who people are: a link, a proxy or OpenID Connect names them, sessions keep them; their roles."""
