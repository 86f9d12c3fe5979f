"""Who people are: a link, a proxy or OpenID Connect names them, a session keeps them, and roles bind them."""
