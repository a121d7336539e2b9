"""The commonest small words of languages in Latin script: enough to tell one from another in a sentence or two."""

FUNCTION_WORDS = {
    "en": (
        "the of and to in is that it for you was with as are this have be not on by he she they we his from "
        "at or an which what will would can could your there their has had been if all one about who when "
        "where how more my me do i a but so no up out than them then its these those into some other"
    ),
    "de": (
        "der die das und ist nicht ich sie ein eine zu den von mit für auf im dem des es sich auch als wie "
        "bei nach war wird sind haben hat oder aus werden kann dass zum zur aber wenn man noch nur wir über "
        "einen einer einem durch"
    ),
    "fr": (
        "le la les de des et est un une que qui dans pour pas sur au ce il je vous nous avec sont par plus ne "
        "se du elle mais ou cette comme on été aux ces son sa leur être fait tout bien aussi si en à"
    ),
    "es": (
        "el la los las de que y en un una es por con no para se del al lo como más su pero sus le ya o este "
        "sí porque esta entre cuando muy sin sobre también me hasta hay donde quien desde todo nos son está "
        "fue ser tiene"
    ),
    "it": (
        "il lo la i gli le di che e è un una per non in con sono del della dei delle al alla da si come ma "
        "anche più questo questa nel nella ho ha essere o se mi ci loro suo sua dal sul tra stato hanno"
    ),
    "pt": (
        "o a os as de que e do da em um uma para com não por no na se mais dos das como mas ao ele ou seu sua "
        "são foi quando muito nos já eu também pelo pela até isso ela entre era depois sem mesmo aos está "
        "você é à"
    ),
    "nl": (
        "de het een en van in is dat op te zijn met voor niet aan er om ook als dan maar bij of uit nog naar "
        "door over ze je hij wij deze dit wordt worden kan hebben heeft was had geen meer hun ik"
    ),
    "sv": (
        "och att det i en är på som för med av den till inte har de om ett han men var jag sig från vi så kan "
        "när hon under också efter eller nu sin där vid mot ska skulle kommer ut får finns vara hade alla"
    ),
    "da": (
        "og at det i en er på som for med af den til ikke har de om et han men var jeg sig fra vi så kan når "
        "hun under også efter eller nu sin der ved mod skal ville kommer ud får være havde alle"
    ),
    "pl": (
        "i w nie na się z do to że jest o jak ale po co tak za od by już dla czy tylko może był są ten przez "
        "tym być jego przy oraz które który jeśli ich bardzo gdy mnie ma"
    ),
    "tr": (
        "ve bir bu da de için ile ne çok daha gibi olarak var ama mi en kadar sonra olan o ben sen biz değil "
        "ya şey her ki diye onu bana göre olduğu veya ise"
    ),
    "id": (
        "yang dan di dari untuk dengan pada tidak ini itu dalam adalah akan ke saya anda bisa ada juga oleh "
        "atau kami mereka sebagai telah sudah karena lebih seperti dapat kita"
    ),
    "vi": (
        "và của là có không các được cho người trong một những với này khi đã để từ đến ở như cũng về tôi bạn "
        "phải ra nhiều rất"
    ),
    "ro": (
        "și în de la cu că este un o pe nu din pentru mai care se sunt a au fi sau ca ce al ale prin după dar "
        "foarte acest această era"
    ),
    "cs": (
        "a se v na je že to s z do i o k ve pro jako za by ale si po jsem jsou od tak už jeho nebo jen také "
        "byl který může při není"
    ),
    "hu": (
        "a az és hogy nem is egy van meg ez de csak már volt mint még vagy ki fel el kell lesz azt ha minden "
        "sem nagyon lehet"
    ),
    "fi": (
        "ja on ei se että hän oli joka mutta kun niin ovat myös kuin tai jos vain olla mitä ole sen tämä voi "
        "nyt ollut siitä hyvin"
    ),
}
